"""Frames that previews are made of."""

from __future__ import annotations

from unittest import mock

import pandas as pd

from mixpanel_pandas.notebook.preview.state import State
from mixpanel_pandas.rules.operation import Operation, operation

ATTACKS = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "**bold** $x^2$ [a](javascript:b)")


def people() -> pd.DataFrame:
    """Return five rows with something wrong of each sort."""
    return pd.DataFrame(
        {
            "user_id": ["ann@example.com", "bob@example.com", None, "null", "bob@example.com"],
            "email": ["ann@example.com", "bob", None, "d@example.com", "e@example.com"],
            "name": ["Ann Lee", "Bob", "Cid", "Dee", "Eve"],
            "bio": ["x" * 300, "short", *ATTACKS],
            "visits": [1, 2, 3, 4, 5],
            "tags": [["a"], ["b", "c"], [], None, ["d"]],
        }
    )


def messy() -> pd.DataFrame:
    """Return a list as people keep it, with something of everything that happens to such lists."""
    return pd.DataFrame(
        {
            "User ID": ["00123", "00124", "00125", "00126", "00124", None],
            "Full Name": ["Ann Lee", "Bob Ray", "Cid Orr", "Dee Fox", "Bob Ray", "Kim Low"],
            "Email Address": ["ann@x.com", "bob@x.com", "cid@x.com", "dee.x.com", "bob@x.com", "kim@x.com"],
            " Phone Number ": ["+491", "+492", "+493", "030 4", "+492", "+495"],
            "Signup Date": ["25/12/2022", "05/07/2023", "N/A", "31/01/2021", "05/07/2023", "06/06/2023"],
            "Last Login": [
                "2023-01-05",
                "2023-02-11",
                "2023-03-09",
                "2023-01-30",
                "2023-02-11",
                "2023-06-01",
            ],
            "Amount": ["1,234.50", "7.00", "12.25", "1,000.00", "9.75", "6.10"],
            "Newsletter": ["Yes", "No", "Yes", "Yes", "No", "No"],
            "Tags": ["a; b", "b", "c; a", "b; c", "b", "a"],
            "Zip": ["01067", "10115", "20095", "80331", "10115", "28195"],
            "Bio": ["x" * 300, "short", "ok", "\u00e9" * 140, "short", ""],
            "Visits": [3, 1, 0, 12, 4, 1],
        }
    )


def state(
    frame: pd.DataFrame, verb: str = "set", id: str = "user_id", properties=None, group=None, **options
):
    return State(frame, operation(verb, id, properties, group, options))


def evaluated(line: str, frame: pd.DataFrame) -> Operation:
    """Return the operation that a line of Python asks for."""
    with mock.patch("mixpanel_pandas.pipeline.line.send") as send:
        eval(line, {"df": frame, "pd": pd})
    (_frame, asked), _ = send.call_args
    return asked
