"""What is wrong with a frame, one `Finding` for each check and column, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.payloads.layout import Layout, Source
from mixpanel_pandas.rules.checks import CHECKS, Check

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np

    from mixpanel_pandas.payloads.notes import Note

__all__ = ["Finding", "finding_of", "finding_of_note", "remedy_for", "severity_of"]

#: Reserved properties whose values are never cut.
NEVER_CUT = {"$email", "$phone", "$avatar"}


@dataclass(frozen=True)
class Finding:
    """A check that did not pass, and where.

    Attributes
    ----------
    check : str
        Name of the check; in a schema of the user's, pandera's name for it.
    severity : {"error", "warning", "hint"}
        How bad it is.
    column : hashable
        Label of the column or index level; None for a whole row.
    name : str or None
        The property's name.
    message : str
        What is wrong, and what would be right.
    limit : str or None
        The number that decides, with its unit.
    value : object
        What is wrong, where it is not a value of the frame.
    remedies : tuple of str
        What `invalid` can do with the rows, beside raising.
    rows : numpy.ndarray or None
        Mask over the frame of the rows that do not pass; None for a column as a whole.
    stands : bool
        No remedy was asked for, or there is none: the frame is refused.
    """

    check: str
    severity: str
    column: Hashable
    name: str | None
    message: str
    limit: str | None = None
    value: Any = None
    remedies: tuple[str, ...] = ()
    rows: np.ndarray | None = None
    stands: bool = False

    @property
    def count(self) -> int:
        """Number of rows; 1 for a column as a whole."""
        return 1 if self.rows is None else int(self.rows.sum())

    @property
    def words(self) -> str:
        """The check's name as words, for a summary."""
        return self.check.replace("_", " ")


def remedy_for(finding: Finding, rows: np.ndarray | None, number: int | None, invalid: Any) -> str:
    """Return what becomes of rows with a finding: what was asked for, "raise" where that cannot be done, "" for nothing.

    Warnings and hints are sent all the same, unless a mapping names their check.
    """
    named = invalid.get(finding.check) if isinstance(invalid, Mapping) else None
    if finding.severity != "error" and named is None:
        return ""
    remedy: str = named or ("raise" if isinstance(invalid, Mapping) else invalid)
    possible = (
        remedy in finding.remedies and rows is not None and (remedy == "drop_row" or number is not None)
    )
    return remedy if possible else "raise"


def finding_of(check: Check, layout: Layout, number: int | None = None) -> Finding:
    """Return the finding that a check reports, without its rows."""
    name = None if number is None else layout.columns[number].name
    remedies = tuple(way for way in check.remedies if way != "truncate" or name not in NEVER_CUT)
    column = _label(check, layout, number)
    severity = severity_of(check, layout)
    return Finding(check.name, severity, column, name, check.says, check.limit_text, remedies=remedies)


def finding_of_note(note: Note) -> Finding:
    """Return the finding of a column as a whole."""
    check = CHECKS[note.check]
    message = note.advice or check.says
    return Finding(check.name, check.severity, note.column, note.name, message, check.limit_text, note.value)


def severity_of(check: Check, layout: Layout) -> str:
    """Return how bad it is: what is junk for a user may be the name of a group."""
    return "warning" if check.name == "junk_id" and layout.operation.group else check.severity


def _label(check: Check, layout: Layout, number: int | None) -> Hashable:
    if number is not None:
        return layout.columns[number].label
    source: Any = {"row": None, "record": getattr(layout, check.name, None)}.get(check.of, layout.id)
    return source.label if isinstance(source, Source) else None
