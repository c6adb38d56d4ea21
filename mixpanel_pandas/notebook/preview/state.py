"""One operation on one frame, as plain data: what every view is made of. No widget knows more, and none decides anything.

A change makes a new `State`. What costs something is worked out when it is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import decide
from mixpanel_pandas.checking.report import make_report, report_in_words
from mixpanel_pandas.checking.schema import checked
from mixpanel_pandas.delivery.waves import Waves
from mixpanel_pandas.errors import in_our_words
from mixpanel_pandas.notebook.preview.code import line_of
from mixpanel_pandas.notebook.preview.edits import explicit_names
from mixpanel_pandas.notebook.preview.masking import is_private, masked
from mixpanel_pandas.payloads.arrays import mask_of
from mixpanel_pandas.payloads.dtypes import rule_for
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.layout import Source, make_layout
from mixpanel_pandas.payloads.slices import encode_merged, encode_rows
from mixpanel_pandas.pipeline import NOWHERE, project_of
from mixpanel_pandas.rules.operation import Operation
from mixpanel_pandas.text import shortened

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.changes import Changes
    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.project import Project

__all__ = ["Measured", "State"]

#: Frames of more cells are not checked while somebody waits.
CHECKED_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Measured:
    """What every row sends, from making every request and sending none.

    Attributes
    ----------
    positions, sizes : numpy.ndarray
        Of each row that is sent: where it stands in the frame, and its bytes.
    updates, requests, bytes : int
        How many there are; bytes of the requests' bodies.
    """

    positions: np.ndarray
    sizes: np.ndarray
    updates: int
    requests: int
    bytes: int


class Facts:
    """What a frame holds, whatever the operation: worked out once for each column that somebody looks at."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._columns: dict[int, tuple[Rule, int, int]] = {}
        self._ids: dict[tuple[Hashable, str | None], dict[str, int]] = {}

    def column(self, place: int, rule: Rule | None) -> tuple[Rule, int, int]:
        """Return how a column is read, how many values it has, and where the first of them is (-1: nowhere).

        Parameters
        ----------
        rule : Rule or None
            How it is read, if that is known already.
        """
        if place not in self._columns:
            series = self._frame.iloc[:, place]
            there = series.notna().to_numpy()
            first = int(there.argmax()) if there.any() else -1
            self._columns[place] = rule or rule_for(series), int(there.sum()), first
        return self._columns[place]

    def ids(self, label: Hashable, group: str | None) -> dict[str, int]:
        """Return check -> rows whose id in that column does not pass it, whatever the options say."""
        if (label, group) not in self._ids:
            alone = Operation("delete", label, group=group, named={"duplicates": "raise"})
            with in_our_words():
                found = decide(self._frame, make_layout(self._frame, alone)).findings
            self._ids[label, group] = {finding.check: finding.count for finding in found}
        return self._ids[label, group]


class State:
    """One operation on one frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        What is sent.
    operation : Operation
        What is asked for. A function as ``rename`` becomes the mapping that it makes of the columns.
    facts : Facts, optional
        What is known of the frame from another state.

    Raises
    ------
    OperationError
        If the operation cannot be meant on this frame.
    """

    def __init__(self, frame: pd.DataFrame, operation: Operation, facts: Facts | None = None) -> None:
        self.frame, self.facts = frame, facts or Facts(frame)
        with in_our_words():
            layout = make_layout(frame, operation)
            if callable(operation.options.rename):
                named = {name: value for name, value in operation.named.items() if name != "rename"}
                names = explicit_names(layout)
                operation = replace(operation, named={**named, **({"rename": names} if names else {})})
                layout = make_layout(frame, operation)
        self.operation, self.layout = operation, layout

    def changed(self, operation: Operation) -> State:
        """Return the state of another operation on the same frame."""
        return State(self.frame, operation, self.facts)

    def code(self, frame: str = "df") -> str:
        """Return the line of Python that does the same to the frame of that name."""
        return line_of(self.operation, frame)

    def project(self) -> Project:
        """Return where it would be sent.

        Raises
        ------
        ProjectError
            If no project is named.
        """
        return project_of(self.operation)

    # -- what is wrong ----------------------------------------------------------------------------------------

    @cached_property
    def _checked(self) -> tuple[Decisions, list[Finding]]:
        return checked(self.frame, self.operation)

    @property
    def is_checked(self) -> bool:
        """Whether the check pass has run, or is quick enough to run after every change."""
        return "_checked" in self.__dict__ or self.frame.size <= CHECKED_AT_ONCE

    @property
    def decisions(self) -> Decisions:
        """What is wrong, and what becomes of each row."""
        return self._checked[0]

    @property
    def findings(self) -> list[Finding]:
        """All findings, worst first."""
        return self._checked[1]

    @property
    def standing(self) -> int:
        """How many errors refuse the frame."""
        return sum(finding.count for finding in self.findings if finding.stands)

    def verdict(self) -> str:
        """Return the counts of findings in one line."""
        return report_in_words(make_report(self.frame, self.layout, self.findings, first=0))

    # -- rows -------------------------------------------------------------------------------------------------

    @cached_property
    def refused_columns(self) -> bool:
        """Whether a column as a whole refuses the frame: there are no payloads then."""
        return any(finding.stands and finding.rows is None for finding in self.findings)

    @cached_property
    def sent_rows(self) -> np.ndarray:
        """Positions of the payloads: of rows that are neither left out nor refuse the frame, the last of those that are merged."""
        if self.refused_columns:
            return np.zeros(0, np.int64)
        together = self._changes.together
        sent = ~self._changes.excluded
        sent[together.positions] = False
        sent[together.last()] = True
        return np.flatnonzero(sent)

    @property
    def excluded(self) -> int:
        """How many rows have no part in any payload."""
        return self.layout.rows if self.refused_columns else int(self._changes.excluded.sum())

    @cached_property
    def _changes(self) -> Changes:
        changes = self.decisions.changes
        excluded = changes.excluded.copy()
        for finding in self.findings:
            if finding.stands and finding.rows is not None:
                excluded |= finding.rows
        return replace(changes, excluded=excluded)

    def encoded(self, positions: np.ndarray) -> list[Payloads]:
        """Return the payloads at some of the `sent_rows`, with a token of the right length."""
        layout, changes = self.decisions.layout, self._changes
        together = changes.together
        merged = np.isin(positions, together.last())
        found: list[Payloads] = []
        with in_our_words():
            if not merged.all():
                found.append(encode_rows(layout, changes, positions[~merged], NOWHERE.token))
            if merged.any():
                excluded = np.ones(layout.rows, bool)
                excluded[together.positions[np.isin(together.last(), positions)]] = False
                found += encode_merged(layout, replace(changes, excluded=excluded), NOWHERE.token)
        return found

    @cached_property
    def measured(self) -> Measured:
        """What every row sends; every row is encoded to know."""
        decisions = self.decisions
        waves = Waves(decisions.layout, self._changes, decisions.duplicates, NOWHERE.token)
        positions, sizes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        updates = requests = nbytes = 0
        with in_our_words():
            for batch in [] if self.refused_columns else waves.every():
                positions.append(batch.positions)
                sizes.append(np.diff(batch.payloads.offsets))
                updates, requests, nbytes = updates + batch.updates, requests + 1, nbytes + batch.nbytes
        return Measured(np.concatenate(positions), np.concatenate(sizes), updates, requests, nbytes)

    @property
    def is_measured(self) -> bool:
        """Whether every row was encoded."""
        return "measured" in self.__dict__

    def repeated_rows(self) -> int:
        """Return how many rows are sent whose id stands in a row before them, too."""
        duplicates = self.decisions.duplicates
        if duplicates is None:
            return 0
        groups = duplicates.groups[~self._changes.excluded[duplicates.positions]]
        return len(groups) - len(np.unique(groups))

    def rows_of_id(self, text: str) -> np.ndarray:
        """Return the positions of all rows with an id."""
        found = [np.zeros(0, np.int64)]
        with in_our_words():
            for rows in self.layout.slices():
                ids = ids_of(self.layout.id, rows)
                found.append(np.flatnonzero(mask_of(pc.equal(ids, text))) + rows.start)
        return np.concatenate(found)

    # -- what nobody else may read ----------------------------------------------------------------------------

    def is_private(self, label: Hashable, name: str | None = None) -> bool:
        """Return whether a column, or the property that it becomes, holds ids, addresses or names of people."""
        sources = {source.label for source in (self.layout.id, self.layout.ip) if isinstance(source, Source)}
        return label in sources or is_private(label) or (name is not None and is_private(name))

    def row_label(self, position: int, *, shown: bool) -> str:
        """Return the index label of a row as it is written in Python; unless `shown`, its private parts are masked."""
        label: Any = self.frame.index[position]
        parts = label if self.frame.index.nlevels > 1 else (label,)
        parts = tuple(
            part.item() if isinstance(part, np.generic) else part for part in parts
        )  # no np.int64(0)
        if not shown:
            parts = tuple(
                masked(part) if self._hides_level(level) else part for level, part in enumerate(parts)
            )
        return shortened(repr(parts if len(parts) > 1 else parts[0]))

    def _hides_level(self, number: int) -> bool:
        """Return whether an index level is private; text in a level without a name may be anything."""
        index = self.frame.index
        name = index.names[number]
        if name is not None:
            return self.is_private(name)
        dtype = (index.levels[number] if isinstance(index, pd.MultiIndex) else index).dtype
        return not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype))
