"""The exceptions and warnings of the package, as a tree, and helpers for their messages.

- ``MixpanelError``: the base of everything below
  - ``ProjectError`` (``ValueError``): the token or the region of the project is missing or malformed
  - ``OperationError`` (``ValueError``): an argument of the call is wrong, or a column cannot be sent
    - ``ColumnNotFoundError`` (``KeyError``): a column is not in the frame
    - ``OptionError`` (``TypeError``): the verb does not take an option
    - ``AlreadySent``: this process, or a run of the journal, has already sent updates that must not be applied twice
  - ``ValidationError`` (``ValueError``): values over a limit, or malformed records of a file; carries ``.report`` and ``.failure_cases``
  - ``GuardError`` (``ValueError``): a plan would change more than its guards allow, or that is not known
  - ``DriftError`` (``RuntimeError``): profiles have changed since the plan was made; carries ``.drift``
  - ``BackupError`` (``OSError``): the values of profiles cannot be saved before they are changed
  - ``DamagedFile`` (``ValueError``): a file is not a plan, a backup or a snapshot, or was changed after it was written
  - ``SummaryError`` (``ValueError``): the summary belongs to another frame
  - ``JournalError`` (``OSError``): the journal cannot be written, is in use or damaged, or its run has other values
  - ``MissingExtraError`` (``ImportError``): a library of an extra is not installed
  - ``ReadError``: profiles cannot be read; carries ``.kept``
    - ``AccountError`` (``PermissionError``): there is no service account, or Mixpanel does not accept it
    - ``AccessError`` (``PermissionError``): the account may not read the project, or the project is in another region
    - ``RegionError`` (``ValueError``): the account may read the project, but not in this region
    - ``SubscriptionError`` (``PermissionError``): the subscription of the project does not include the query
    - ``QueryError`` (``ValueError``): Mixpanel cannot read the query, for example because ``where=`` has a typing mistake
    - ``BudgetSpent`` (``RuntimeError``): the queries of this hour are used up; carries ``.seconds``
    - ``PageFailed`` (``ConnectionError``): Mixpanel did not answer after all retries
  - ``UploadError``: the upload failed; carries ``.summary``
    - ``ConnectionFailed`` (``ConnectionError``): the first connection failed, so nothing was sent
    - ``UploadFailed`` (``RuntimeError``): rows were not accepted, and ``check=`` raises an error for that
    - ``CanaryFailed`` (``RuntimeError``): the canaries of ``canary=`` were not seen, so the other rows were not sent
- ``UploadInterrupted`` (only ``KeyboardInterrupt``, so that ``except Exception`` does not catch it); carries ``.summary``
- ``ProfileWarning`` (``UserWarning``): counts of the warnings and hints about a frame, which is sent anyway

A failed request is not in the tree: it is a row of the summary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.process.tracebacks import EndsAtTheCall
from mixpanel_pandas.text import Length, bounded, printable, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import pandas as pd

__all__ = [
    "AccessError",
    "AccountError",
    "AlreadySent",
    "BackupError",
    "BudgetSpent",
    "CanaryFailed",
    "ColumnNotFoundError",
    "ConnectionFailed",
    "DamagedFile",
    "DriftError",
    "GuardError",
    "JournalError",
    "MissingExtraError",
    "MixpanelError",
    "OperationError",
    "OptionError",
    "PageFailed",
    "ProfileWarning",
    "ProjectError",
    "QueryError",
    "ReadError",
    "RegionError",
    "SubscriptionError",
    "SummaryError",
    "UploadError",
    "UploadFailed",
    "UploadInterrupted",
    "ValidationError",
]


SUMMARY_NOTE = ".summary has the outcome of every row."


def _message(text: object) -> Any:
    """Return a message as it is shown: it may repeat names and values of a frame."""
    return bounded(printable(text, keep="\n")) if isinstance(text, str) else text


class MixpanelError(EndsAtTheCall, Exception):
    """Base of all errors of this package."""

    def __init__(self, *args: object) -> None:
        super().__init__(*map(_message, args))


class ProjectError(MixpanelError, ValueError):
    """The project to write to is missing, incomplete or malformed."""


class OperationError(MixpanelError, ValueError):
    """An argument of the call is wrong, or a column cannot be sent."""


class OptionError(OperationError, TypeError):
    """The verb does not take this option."""


class AlreadySent(OperationError):
    """This process, or a run of the journal, has already sent the same updates, which must not be applied twice.

    Attributes
    ----------
    summary : pandas.DataFrame or None
        The outcomes of these updates, if a journal has recorded them.
    """

    def __init__(self, message: str, summary: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self.summary = summary
        if summary is not None:
            self.add_note(SUMMARY_NOTE)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.summary)


class ColumnNotFoundError(OperationError, KeyError):
    """A column or index level is not in the frame."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would show the repr of the message


class GuardError(MixpanelError, ValueError):
    """A plan would change more than its guards allow, or that is not known."""


class DriftError(MixpanelError, RuntimeError):
    """Profiles have changed since the plan was made.

    Attributes
    ----------
    drift : pandas.DataFrame
        A row for each value that has changed, as `Plan.drift` returns it.
    """

    def __init__(self, message: str, drift: pd.DataFrame) -> None:
        super().__init__(message)
        self.drift = drift
        self.add_note("The values are in .drift.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.drift)


class BackupError(MixpanelError, OSError):
    """The values of profiles cannot be saved before they are changed."""


class DamagedFile(MixpanelError, ValueError):
    """A file is not a plan, a backup or a snapshot, or was changed after it was written."""


class SummaryError(MixpanelError, ValueError):
    """The summary was made from another frame."""


class JournalError(MixpanelError, OSError):
    """The journal cannot be written, is in use or damaged, or its run has other values."""


class MissingExtraError(MixpanelError, ImportError):
    """A library that only some uses of this package need is not installed."""


class ValidationError(MixpanelError, ValueError):
    """Values that Mixpanel would refuse, cut or misread.

    Attributes
    ----------
    report : pandas.DataFrame
        One row per finding, as ``df.mixpanel.validate`` returns it; from `mpd.frame` one row per malformed record or text that
        cannot be converted.
    """

    def __init__(
        self,
        message: str,
        report: pd.DataFrame,
        failure_cases: pd.DataFrame | Callable[[], pd.DataFrame] | None = None,
        *,
        note: str = "The rows are in .report; df.mixpanel.validate(..., first=None) returns all of them.",
    ) -> None:
        super().__init__(message)
        self.report = report
        self._failure_cases = failure_cases
        self.add_note(note)

    @property
    def failure_cases(self) -> pd.DataFrame | None:
        """All rows with errors that refuse the frame, in the form of pandera's `SchemaErrors.failure_cases`; computed on access.

        The columns are ``schema_context``, ``column``, ``check``, ``check_number``, ``failure_case`` and ``index``. Warnings,
        hints and rows that the option `invalid` leaves out or changes are only in `report`.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "x" * 300]})
        >>> try:
        ...     df.mixpanel.set("user_id", dry_run=True)
        ... except mpd.ValidationError as error:
        ...     error.failure_cases[["column", "check", "index"]]
          column        check index
        0   plan  long_string     1
        """
        if callable(self._failure_cases):
            self._failure_cases = self._failure_cases()
        return self._failure_cases

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.report, self.failure_cases)


class ReadError(MixpanelError):
    """Profiles cannot be read.

    Attributes
    ----------
    kept : str or None
        The folder with the pages that were already read. The same call continues from there.
    """

    def __init__(self, message: str, kept: str | None = None) -> None:
        super().__init__(message)
        self.kept = kept

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.kept)


class AccountError(ReadError, PermissionError):
    """There is no service account, or Mixpanel does not accept it."""


class AccessError(ReadError, PermissionError):
    """The service account may not read the project, or the project is in another region."""


class RegionError(ReadError, ValueError):
    """The service account may read the project, but not in this region."""


class SubscriptionError(ReadError, PermissionError):
    """The project's subscription at Mixpanel does not include the query."""


class QueryError(ReadError, ValueError):
    """Mixpanel cannot read the query."""


class BudgetSpent(ReadError, RuntimeError):
    """Mixpanel answers no further query for a while.

    Attributes
    ----------
    seconds : float or None
        Seconds until Mixpanel answers again, from its own answer. None: it does not tell.
    """

    def __init__(self, message: str, kept: str | None = None, seconds: float | None = None) -> None:
        super().__init__(message, kept)
        self.seconds = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.kept, self.seconds)


class PageFailed(ReadError, ConnectionError):
    """Mixpanel did not answer the query, or not with the expected content, after all retries."""


class UploadError(MixpanelError):
    """The upload failed.

    Attributes
    ----------
    summary : pandas.DataFrame
        The outcome of every row so far.
    """

    def __init__(self, message: str, summary: pd.DataFrame) -> None:
        super().__init__(message)
        self.summary = summary
        self.add_note(SUMMARY_NOTE)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.summary)


class ConnectionFailed(UploadError, ConnectionError):
    """The first connection failed, so nothing was sent."""


class UploadFailed(UploadError, RuntimeError):
    """Rows were not accepted, and ``check`` raises an error for that."""


class CanaryFailed(UploadError, RuntimeError):
    """The canaries were sent but not seen in Mixpanel, so nothing else was sent."""


class UploadInterrupted(EndsAtTheCall, KeyboardInterrupt):
    """The upload was stopped by Ctrl-C or the notebook's stop button.

    Attributes
    ----------
    summary : pandas.DataFrame
        The outcome of every row so far; nothing else was sent.
    """

    def __init__(self, message: str, summary: pd.DataFrame) -> None:
        super().__init__(_message(message))
        self.summary = summary
        self.add_note(SUMMARY_NOTE)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.summary)


class ProfileWarning(UserWarning):
    """The checks found warnings or hints about the frame, which is sent anyway.

    Attributes
    ----------
    counts : str
        Counts of warnings and hints, and their checks.
    call : str
        The call that shows them.
    """

    def __init__(self, counts: str, call: str) -> None:
        self.counts: str = _message(counts)
        self.call: str = _message(call)
        super().__init__(f"{self.counts}: {self.call} shows them")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.counts, self.call)


# -- guards: the only places that turn another exception into one of ours ---------------------------------------------


class _UnreadableError(OperationError):
    """Values raised an error when they were read; `naming_column` adds the column."""


class _Guard:
    """Raises an `OperationError` from any error of the user's code or values; a context manager.

    A guard encloses only what belongs to the user: reading values (`reading_column`, or `reading_values` if the column is not
    known), or calling a function (`calling`). It does not enclose what this package does with the values, so that a bug of the
    package looks like one. `contextlib` would double the cost of a guard, which runs for each slice of each column.
    """

    _raises = OperationError

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _at: object) -> None:
        if error is not None and not isinstance(error, MixpanelError | Warning) and not ends_the_call(error):
            wrong = self._raises(self._message(f"{type(error).__name__} (see the error above)"))
            wrong.cause_tells = True
            raise wrong from error

    def _message(self, what: str) -> str:
        raise NotImplementedError


class reading_column(_Guard):  # it is called like a function
    """Name the column whose values raise an error when they are read."""

    def __init__(self, label: Hashable) -> None:
        self._label = label

    def _message(self, what: str) -> str:
        return f"column {quoted(self._label)} cannot be read: {what}: convert it to another dtype, or leave it out"


class reading_values(_Guard):  # it is called like a function
    """Report values that raise an error when they are read, if the column is not known: `naming_column` encloses it."""

    _raises = _UnreadableError

    def _message(self, what: str) -> str:
        return f"values cannot be read: {what}"


class naming_column:  # it is called like a function
    """Add the column to the error of `reading_values`. All other exceptions pass; a context manager."""

    def __init__(self, label: Hashable) -> None:
        self._label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _at: object) -> None:
        if isinstance(error, _UnreadableError) and error.__cause__ is not None:
            with reading_column(self._label):
                raise error.__cause__


class from_extra:  # it is called like a function
    """Name the extra of this package that installs a missing library; a context manager around the import.

    Parameters
    ----------
    extra : str
        The name of the extra.
    needed : str
        The function and the library that it needs, such as ``"plot needs matplotlib"``.
    """

    def __init__(self, extra: str, needed: str) -> None:
        self._extra, self._needed = extra, needed

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _at: object) -> None:
        if isinstance(error, ImportError):
            msg = f'{self._needed}: pip install "mixpanel_pandas[{self._extra}]"'
            raise MissingExtraError(msg) from error


class calling(_Guard):  # it is called like a function
    """Name the user's function that raises an error.

    Parameters
    ----------
    what : str
        The subject and the verb of the message, such as ``"rename failed on column 'x'"``.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def _message(self, what: str) -> str:
        return f"{self._what}: {what}"


# -- messages ---------------------------------------------------------------------------------------------------------


def choices(names: Iterable[Hashable], most: int = 20) -> str:
    """Return `names` as a readable list. Long names are cut, and a long list ends with the number of the other names.

    >>> choices(["us", "eu"])
    "'us', 'eu'"
    >>> choices(range(5), most=3)
    '0, 1, 2 and 2 more'
    """
    listed = list(names)
    rest = len(listed) - most
    text = ", ".join(quoted(name, Length.NAME) for name in listed[:most])
    return f"{text} and {rest} more" if rest > 0 else text


def did_you_mean(name: Hashable, names: Iterable[Hashable]) -> str:
    """Return a hint for a mistyped `name`: the closest of `names`, else the first of them.

    >>> did_you_mean("emial", ["email", "plan"])
    "did you mean 'email'?"
    >>> did_you_mean("xyz", ["email", "plan"])
    "there are 'email', 'plan'"
    """
    from difflib import get_close_matches

    listed = list(names)
    texts = {_compared(one): one for one in listed}
    close = get_close_matches(_compared(name), texts, n=1)
    if close:
        return f"did you mean {quoted(texts[close[0]], Length.NAME)}?"
    return f"there are {choices(listed)}" if listed else "there are none"


def _compared(name: Hashable) -> str:
    text = name if isinstance(name, str) else quoted(name, Length.NAME)
    return text[: Length.NAME].casefold()
