"""One operation on one frame, as plain data. Every view is made from it, and widgets decide nothing.

A change makes a new `State`. What is expensive is computed when it is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import decide, user_schema_of
from mixpanel_pandas.checking.report import make_report, report_in_words
from mixpanel_pandas.checking.scan import ScanMemo
from mixpanel_pandas.delivery.waves import Waves
from mixpanel_pandas.errors import reading_column
from mixpanel_pandas.notebook.preview.edits import (
    explicit_names,
    has_values,
    keeps_columns,
    restored,
    with_verb,
)
from mixpanel_pandas.notebook.preview.masking import is_private, masked
from mixpanel_pandas.payloads.arrays import mask_of
from mixpanel_pandas.payloads.dtypes import rule_for
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.payloads.slices import encode_merged, encode_rows
from mixpanel_pandas.payloads.sources import Source
from mixpanel_pandas.pipeline.backup import find_missing_backup
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.pipeline.line import NOWHERE, project_of
from mixpanel_pandas.rules.code import line_of, preview_of
from mixpanel_pandas.rules.known import KnownProperties
from mixpanel_pandas.rules.operation import Operation
from mixpanel_pandas.text import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.changes import Changes
    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.project import Project

__all__ = ["Measured", "State"]

Made = TypeVar("Made")

#: Frames of more cells are checked in the background.
CHECKED_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Measured:
    """What every row sends, counted by making every request and sending none.

    Attributes
    ----------
    positions, sizes : numpy.ndarray
        For each row that is sent: its position in the frame, and its bytes.
    updates, requests : int
        Number of each.
    bytes : int
        Bytes of the requests' bodies.
    """

    positions: np.ndarray
    sizes: np.ndarray
    updates: int
    requests: int
    bytes: int


class Facts:
    """What a frame holds, whatever the operation. It is computed once for each column that is shown."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._columns: dict[int, tuple[Rule, int, int]] = {}
        self._ids: dict[tuple[Hashable, str | None], dict[str, int]] = {}
        self._others: dict[Hashable, Any] = {}
        self.memo = ScanMemo()

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what is known under a key; it is computed when it is first asked for."""
        if key not in self._others:
            self._others[key] = make()
        made: Made = self._others[key]
        return made

    def column(self, place: int, rule: Rule | None) -> tuple[Rule, int, int]:
        """Return the rule of a column, the number of its values, and the position of the first (-1 if there is none).

        Parameters
        ----------
        rule : Rule or None
            The rule, if it is known already.
        """
        if place not in self._columns:
            series = self._frame.iloc[:, place]
            with reading_column(series.name):
                has_value = series.notna().to_numpy()
                rule = rule or rule_for(series)
            first = int(has_value.argmax()) if has_value.any() else -1
            self._columns[place] = rule, int(has_value.sum()), first
        return self._columns[place]

    def ids(self, label: Hashable, group: str | None) -> dict[str, int]:
        """Return check -> rows whose id in that column does not pass it, whatever the options are."""
        if (label, group) not in self._ids:
            alone = Operation("delete", label, group=group, named={"duplicates": "raise"})
            findings = decide(self._frame, make_layout(self._frame, alone)).findings
            self._ids[label, group] = {finding.check: finding.count for finding in findings}
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
    kept : Operation, optional
        The latest operation whose verb sends values. Its mapping comes back after a verb that has none.

    Raises
    ------
    OperationError
        If the operation cannot be meant on this frame.
    MixpanelError
        If the properties that `known` names cannot be read.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        operation: Operation,
        facts: Facts | None = None,
        kept: Operation | None = None,
    ) -> None:
        self.frame: pd.DataFrame = frame
        self.facts: Facts = facts or Facts(frame)
        operation = with_known_properties(operation)
        layout = make_layout(frame, operation, asks=True)
        if callable(operation.options.rename):
            named = {name: value for name, value in operation.named.items() if name != "rename"}
            names = explicit_names(layout)
            operation = replace(operation, named={**named, **({"rename": names} if names else {})})
            layout = make_layout(frame, operation, asks=True)
        self.operation: Operation = operation
        self.layout: Layout = layout
        self._kept: Operation | None = operation if keeps_columns(operation.verb) else kept

    def changed(self, operation: Operation) -> State:
        """Return the state of another operation on the same frame."""
        return State(self.frame, operation, self.facts, self._kept)

    def with_verb(self, verb: str) -> Operation:
        """Return the operation with another verb, and the mapping that the latest verb had that takes columns of any type."""
        if verb == self.operation.verb:
            return self.operation
        lost = not keeps_columns(self.operation.verb)
        if self._kept is not None and lost and (has_values(verb) or verb == "unset"):
            before = self.changed(restored(self.operation, self._kept))
            return with_verb(before.operation, before.layout, verb)
        made = with_verb(self.operation, self.layout, verb)
        if self.operation.verbs is None or made.properties is None or not has_values(made.verb):
            return made
        every = self.changed(replace(made, properties=None))  # `update` names the columns, also all of them
        is_every = {column.label for column in every.layout.columns} == set(made.properties)
        return every.operation if is_every else made

    @property
    def known(self) -> KnownProperties | None:
        """The properties that Mixpanel has, if the call names them."""
        known = self.operation.options.known
        return known if isinstance(known, KnownProperties) else None

    @property
    def has_nothing(self) -> bool:
        """Whether there is no column to send, and no property to remove."""
        return not (self.layout.columns or self.layout.removed or self.operation.verb == "delete")

    @property
    def asks(self) -> bool:
        """Whether it is still open which column holds the ids."""
        return self.operation.id is None

    def code(self, frame: str = "df") -> str:
        """Return the line of Python that does the same to the frame of that name."""
        return line_of(self.operation, frame)

    def preview_code(self, frame: str = "df", *, save_values: bool = False, current: bool = False) -> str:
        """Return the line of Python that opens the same preview of the frame of that name."""
        return preview_of(self.operation, frame, save_values=save_values, current=current)

    def project(self) -> Project:
        """Return the project that would be written to.

        Raises
        ------
        ProjectError
            If there is no project.
        """
        return project_of(self.operation)

    # -- what is wrong ----------------------------------------------------------------------------------------

    @property
    def is_checked(self) -> bool:
        """Whether the frame was checked, or is small enough to be checked after every change."""
        return "decisions" in self.__dict__ or self.frame.size <= CHECKED_AT_ONCE

    @cached_property
    def decisions(self) -> Decisions:
        """What is wrong, and what becomes of each row."""
        user_schema = user_schema_of(self.operation)
        findings = user_schema.findings(self.frame) if user_schema is not None else ()
        memo = self.facts.memo if self.frame.size <= CHECKED_AT_ONCE else None  # it takes memory
        decisions = decide(self.frame, self.layout, findings, memo)
        find_missing_backup(decisions)
        return decisions

    @property
    def findings(self) -> list[Finding]:
        """All findings, worst first."""
        return self.decisions.findings

    @property
    def standing(self) -> int:
        """Number of errors that refuse the frame."""
        return sum(finding.count for finding in self.findings if finding.stands)

    def verdict(self) -> str:
        """Return the counts of findings, in one line."""
        return report_in_words(make_report(self.frame, self.layout, self.findings, first=0))

    # -- rows -------------------------------------------------------------------------------------------------

    @cached_property
    def refused_columns(self) -> bool:
        """Whether a column as a whole refuses the frame. Then there are no payloads."""
        return any(finding.stands and finding.rows is None for finding in self.findings)

    @cached_property
    def sent_rows(self) -> np.ndarray:
        """Positions of the rows with a payload: not excluded, without an error, and of merged rows the last."""
        if self.refused_columns or self.has_nothing:
            return np.zeros(0, np.int64)
        together = self._changes.together
        sent = ~self._changes.excluded
        sent[together.positions] = False
        sent[together.last()] = True
        return np.flatnonzero(sent)

    @property
    def excluded(self) -> int:
        """Number of rows that are in no payload."""
        return (
            self.layout.rows
            if self.refused_columns or self.has_nothing
            else int(self._changes.excluded.sum())
        )

    @cached_property
    def _changes(self) -> Changes:
        changes = self.decisions.changes
        excluded = changes.excluded.copy()
        for finding in self.findings:
            if finding.stands and finding.rows is not None:
                excluded |= finding.rows.mask(len(excluded))
        return replace(changes, excluded=excluded)

    def encoded(self, positions: np.ndarray) -> list[Payloads]:
        """Return the payloads of some of the `sent_rows`, with a placeholder of the length of a token."""
        layout, changes = self.decisions.layout, self._changes
        together = changes.together
        merged = np.isin(positions, together.last())
        payloads: list[Payloads] = []
        if not merged.all():
            payloads.append(encode_rows(layout, changes, positions[~merged], NOWHERE.token))
        if merged.any():
            excluded = np.ones(layout.rows, bool)
            excluded[together.positions[np.isin(together.last(), positions)]] = False
            payloads += encode_merged(layout, replace(changes, excluded=excluded), NOWHERE.token)
        return payloads

    @cached_property
    def measured(self) -> Measured:
        """What every row sends. This encodes every row."""
        decisions = self.decisions
        waves = Waves(decisions.layout, self._changes, decisions.duplicates, NOWHERE.token)
        positions, sizes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        updates = requests = nbytes = 0
        for batch in [] if self.refused_columns or self.has_nothing else waves.every():
            positions.append(batch.positions)
            sizes.append(np.diff(batch.payloads.offsets))
            updates, requests, nbytes = updates + batch.updates, requests + 1, nbytes + batch.nbytes
        return Measured(np.concatenate(positions), np.concatenate(sizes), updates, requests, nbytes)

    @property
    def profiles(self) -> int:
        """Number of profiles that are written."""
        return len(self.sent_rows) - self.repeated_rows()

    def refusal(self) -> str:
        """Return why nothing can be sent, in the words of the widget; an empty text if something can."""
        if self.asks:
            return "Which column holds the ids? Choose it on the Map."
        if self.has_nothing:
            return f"No column is left to {self.operation.verb}."
        if self.standing:
            return f"{counted(self.standing, 'error')} would refuse the frame: nothing can be sent. See Findings."
        return "" if len(self.sent_rows) else "No row would be sent."

    @property
    def is_measured(self) -> bool:
        """Whether every row was encoded."""
        return "measured" in self.__dict__

    def repeated_rows(self) -> int:
        """Return the number of rows that are sent although a row before them has the same id."""
        duplicates = self.decisions.duplicates
        if duplicates is None:
            return 0
        groups = duplicates.groups[~self._changes.excluded[duplicates.positions]]
        return len(groups) - len(np.unique(groups))

    def rows_of_id(self, text: str) -> np.ndarray:
        """Return the positions of all rows with an id."""
        positions = [np.zeros(0, np.int64)]
        for rows in self.layout.slices():
            ids = ids_of(self.layout.id, rows)
            positions.append(np.flatnonzero(mask_of(pc.equal(ids, text))) + rows.start)
        return np.concatenate(positions)

    # -- private values ---------------------------------------------------------------------------------------

    def is_private(self, label: Hashable, name: str | None = None) -> bool:
        """Return whether a column, or the property that it becomes, holds ids, addresses or names of people."""
        of_people = [getattr(self.layout, name) for name in ("id", "ip", "latitude", "longitude")]
        sources = {source.label for source in of_people if isinstance(source, Source)}
        return label in sources or is_private(label) or (name is not None and is_private(name))

    def row_label(self, position: int, *, unmasked: bool) -> str:
        """Return the index label of a row as Python writes it. Private parts are masked unless `unmasked`."""
        label: Any = self.frame.index[position]
        parts = label if self.frame.index.nlevels > 1 else (label,)
        parts = tuple(
            part.item() if isinstance(part, np.generic) else part for part in parts
        )  # no np.int64(0)
        if not unmasked:
            parts = tuple(
                masked(part) if self._hides_level(level) else part for level, part in enumerate(parts)
            )
        return shortened(repr(parts if len(parts) > 1 else parts[0]))

    def _hides_level(self, number: int) -> bool:
        """Return whether an index level is private. Text in a level without a name may be anything, so it is."""
        index = self.frame.index
        name = index.names[number]
        if name is not None:
            return self.is_private(name)
        dtype = (index.levels[number] if isinstance(index, pd.MultiIndex) else index).dtype
        return not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype))
