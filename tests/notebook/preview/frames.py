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
