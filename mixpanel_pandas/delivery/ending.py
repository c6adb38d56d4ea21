"""How an upload ends for its caller: with the summary, or with an error that carries the summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from mixpanel_pandas.errors import (
    CanaryFailed,
    ConnectionFailed,
    MixpanelError,
    UploadError,
    UploadFailed,
    UploadInterrupted,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ended", "interrupted", "raise_from", "raise_if_failed"]


@dataclass(frozen=True)
class Ended:
    """How an upload ended.

    Attributes
    ----------
    summary : pandas.DataFrame
        The outcome of every row.
    error : BaseException or None
        What broke the upload.
    connection_failed : str or None
        Why the very first connection could not be made.
    unproven : str or None
        Why nothing was sent after the canaries. `error` is what broke the reading, if anything did.
    """

    summary: pd.DataFrame
    error: BaseException | None = None
    connection_failed: str | None = None
    unproven: str | None = None

    def raise_if_broken(self, place: str) -> None:
        """Raise what broke the upload, that the canaries prove nothing, or that no connection to `place` was possible."""
        if self.unproven is not None:
            raise CanaryFailed(self.unproven, self.summary) from self.error
        if self.error is not None:
            raise_from(self.error, self.summary)
        if self.connection_failed:
            msg = f"{place}: {self.connection_failed}"
            raise ConnectionFailed(msg, self.summary)


def interrupted(summary: pd.DataFrame) -> UploadInterrupted:
    """Return the error of an upload that Ctrl-C stopped."""
    return UploadInterrupted("the upload was interrupted", summary)


def raise_from(error: BaseException, summary: pd.DataFrame) -> NoReturn:
    """Raise an error that ended an upload, as `UploadError` with the summary.

    Two kinds are raised as they are: an error that is no `Exception`, because it has to end more than the upload, and an
    error of this package from before the first request, because the summary adds nothing to it.
    """
    is_ours = isinstance(error, MixpanelError)
    if not isinstance(error, Exception) or (is_ours and not summary["attempts"].any()):
        raise error
    ended = UploadError(f"the upload ended with {error if is_ours else type(error).__name__}", summary)
    ended.cause_tells = not is_ours
    raise ended from error


def raise_if_failed(summary: pd.DataFrame, verb: str, check: bool | None) -> None:
    """Raise `UploadFailed` if rows failed and the option `check` asks for an error then."""
    outcomes = ("accepted", "rejected", "unknown", "not_sent", "invalid")
    counts = {outcome: int(summary[outcome].sum()) for outcome in outcomes}
    some_failed = sum(counts.values()) > counts["accepted"]
    none_accepted = summary["attempts"].sum() > 0 and not counts["accepted"]
    if (check is None and none_accepted) or (check is True and some_failed):
        listed = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        errors = summary.loc[summary[list(outcomes[1:])].any(axis=1), "error"].dropna()
        first = f"; the first error: {errors.iloc[0]}" if len(errors) else ""
        msg = f"{verb}: {listed}{first}"
        raise UploadFailed(msg, summary)
