"""Which error an upload ends with."""

from __future__ import annotations

import pandas as pd
import pytest

from mixpanel_pandas.delivery.ending import Ended, raise_from, raise_if_failed
from mixpanel_pandas.errors import AlreadySent, ConnectionFailed, JournalError, UploadError, UploadFailed
from mixpanel_pandas.rules.outcomes import OUTCOMES


def summary_of(attempts: int = 1, error: str | None = None, **counts: int) -> pd.DataFrame:
    """Return the columns of a summary that decide."""
    return pd.DataFrame(
        {"attempts": [attempts], "error": [error], **{name: [counts.get(name, 0)] for name in OUTCOMES}}
    )


@pytest.mark.parametrize("attempts", [0, 1], ids=["nothing was sent", "something was sent"])
@pytest.mark.parametrize(
    ("error", "as_it_is"),
    [
        pytest.param(KeyboardInterrupt(), (True, True), id="Ctrl-C"),
        pytest.param(SystemExit(3), (True, True), id="the end of the process"),
        pytest.param(JournalError("disk full"), (True, False), id="an error of this package"),
        pytest.param(AlreadySent("sent before", None), (True, False), id="another one of this package"),
        pytest.param(ZeroDivisionError(), (False, False), id="any other error"),
    ],
)
def test_what_broke_an_upload_is_raised_with_the_summary(
    error: BaseException, as_it_is: tuple[bool, bool], attempts: int
) -> None:
    summary = summary_of(attempts)
    with pytest.raises(BaseException) as caught:
        raise_from(error, summary)
    if as_it_is[attempts]:
        assert caught.value is error
    else:
        assert type(caught.value) is UploadError
        assert caught.value.summary is summary
        assert caught.value.__cause__ is error
        assert (str(error) or type(error).__name__) in str(caught.value)


def test_a_connection_that_was_never_there_is_an_error() -> None:
    summary = summary_of(not_sent=1)
    Ended(summary).raise_if_broken("eu")
    with pytest.raises(ConnectionFailed, match=r"^eu: refused\n") as caught:
        Ended(summary, connection_failed="refused").raise_if_broken("eu")
    assert caught.value.summary is summary
    with pytest.raises(UploadError, match="ZeroDivisionError"):
        Ended(summary, ZeroDivisionError(), "refused").raise_if_broken("eu")


#: Rows by outcome, attempts, and for check=None, True and False: whether it raises.
CHECKED = [
    pytest.param({"accepted": 2}, 1, (False, False, False), id="all accepted"),
    pytest.param({"accepted": 2, "skipped": 1}, 1, (False, False, False), id="skipped is no failure"),
    pytest.param({"skipped": 3}, 0, (False, False, False), id="nothing to send"),
    pytest.param({}, 0, (False, False, False), id="no rows"),
    pytest.param({"accepted": 2, "rejected": 1}, 1, (False, True, False), id="one rejected"),
    pytest.param({"accepted": 2, "unknown": 1}, 1, (False, True, False), id="one unknown"),
    pytest.param({"accepted": 2, "not_sent": 1}, 1, (False, True, False), id="one not sent"),
    pytest.param({"accepted": 2, "invalid": 1}, 1, (False, True, False), id="one invalid"),
    pytest.param({"rejected": 3}, 1, (True, True, False), id="none accepted"),
    pytest.param({"not_sent": 3}, 0, (False, True, False), id="none tried"),
]


@pytest.mark.parametrize("check", [None, True, False])
@pytest.mark.parametrize(("counts", "attempts", "raises"), CHECKED)
def test_rows_that_failed_are_an_error_where_the_call_asks_for_it(
    counts: dict[str, int], attempts: int, raises: tuple[bool, bool, bool], check: bool | None
) -> None:
    summary = summary_of(attempts, "why", **counts)
    if raises[(None, True, False).index(check)]:
        with pytest.raises(UploadFailed, match=r"^add: \d.*; the first error: why\n") as caught:
            raise_if_failed(summary, "add", check)
        assert caught.value.summary is summary
    else:
        raise_if_failed(summary, "add", check)


def test_the_error_counts_the_rows_by_outcome() -> None:
    with pytest.raises(UploadFailed) as caught:
        raise_if_failed(summary_of(accepted=2000, not_sent=1, unknown=3), "add", True)
    assert str(caught.value).splitlines()[0] == "add: 2,000 accepted, 3 unknown, 1 not sent"


def test_the_first_error_is_that_of_a_row_that_failed() -> None:
    skipped = summary_of(skipped=1, error="there is nothing to send")
    rejected = summary_of(rejected=1, error="401 Unauthorized")
    with pytest.raises(UploadFailed, match="the first error: 401 Unauthorized"):
        raise_if_failed(pd.concat([skipped, rejected], ignore_index=True), "set", None)
