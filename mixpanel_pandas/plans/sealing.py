"""A plan as a file: sealed, so that what is applied is what was looked at."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError, ProjectError, choices
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.layout import FIELDS
from mixpanel_pandas.payloads.sources import Source
from mixpanel_pandas.plans.steps import Origin, Planned, Step
from mixpanel_pandas.plans.texts import checked_cells
from mixpanel_pandas.profiles.cells import CELLS
from mixpanel_pandas.profiles.files import Header, digest_of, read_file, refuse_unwritable, write_file
from mixpanel_pandas.project import current_project
from mixpanel_pandas.rules.operation import Operation

if TYPE_CHECKING:
    from pathlib import Path

    from mixpanel_pandas.project import Project

__all__ = ["digest_of_plan", "project_of_plan", "read_plan", "write_plan"]

FORMAT = "mixpanel_pandas plan, 1"

#: The column of a file that says to which step a cell belongs, and the one that says which profile proves a later step.
STEP, PROOF = "step", "proof"


def project_of_plan(plan: Planned, project: Project | None) -> Project:
    """Return the project that a call names, that of the call that made the plan, or the current one.

    Raises
    ------
    ProjectError
        If the plan was made for another one.
    """
    chosen = current_project(project or plan.steps[0].operation.options.project)
    if plan.identity is not None and plan.identity != chosen.identity:
        msg = (
            f"the plan was made for another project ({plan.identity}, not {chosen.identity}): pass project= or set the "
            "environment to that of the plan"
        )
        raise ProjectError(msg)
    return chosen


def write_plan(plan: Planned, path: Path, project: Project | None) -> None:
    """Write a plan to a file.

    Raises
    ------
    OperationError
        If it depends on columns that are not properties, or the file cannot be written.
    """
    labels = [
        name
        for step in plan.steps
        for name in FIELDS
        if isinstance(getattr(step.make().layout, name), Source)
    ]
    if labels:
        msg = f"a plan with columns for {choices(labels)} cannot be saved: pass one value for all rows, or apply the plan without saving it"
        raise OperationError(msg)
    refuse_unwritable(path, "plan ")
    write_file(path, _header(plan, project_of_plan(plan, project)), _table(plan))


def digest_of_plan(plan: Planned, project: Project) -> str:
    """Return the digest of what a plan does in a project, the same before it is saved and after it is opened."""
    header = _header(plan, project)
    del header.more["name"]
    return digest_of(replace(header, made=""), _table(plan))


def read_plan(path: Path) -> Planned:
    """Return the plan of a file.

    Raises
    ------
    DamagedFile
        If the file is not a plan, or was changed.
    """
    header, table = read_file(path, FORMAT, "plan")
    steps = [
        _step_of(written, table.filter(pc.equal(table[STEP], number)), header.group)
        for number, written in enumerate(header.more["steps"])
    ]
    return Planned(
        steps=tuple(steps),
        counts=pd.Series(header.more["counts"], dtype="int64", name="count"),
        origin=Origin(**header.more["origin"]),
        since=header.more["since"],
        path=str(path),
        identity=header.identity,
        made=header.made,
        name=header.more.get("name", ""),
    )


def _step_of(written: dict[str, Any], rows: pa.Table, group: str | None) -> Step:
    """Return a step of a file: its operation as `_written` wrote it, and its rows of the table."""
    verbs = written["properties"]
    of_update = verbs if written["verb"] == "update" else None
    asked = Operation(written["verb"], None, tuple(verbs) or None, of_update, group, written["named"])
    cells = rows.select(CELLS.names)
    proof = None
    if written["has_proof"]:
        each_once = rows.select(["id", PROOF]).group_by(["id", PROOF]).aggregate([])
        proof = each_once.rename_columns(["id", "of"])
    return Step(asked, cells, cache(lambda: checked_cells(asked, cells)), proof)


def _header(plan: Planned, project: Project) -> Header:
    more = {
        "steps": [_written(step) for step in plan.steps],
        "counts": {str(name): int(count) for name, count in plan.counts.items()},
        "origin": asdict(plan.origin),
        "since": plan.since,
        "name": plan.name,
    }
    made = {"made": plan.made} if plan.made else {}
    return Header(FORMAT, project.identity, plan.group, more, **made)


def _written(step: Step) -> dict[str, Any]:
    """Return the operation of a step as JSON. What the rows have in common stands there as the layout has resolved it."""
    layout = step.make().layout
    options = layout.operation.options
    named = {
        "missing": options.missing,
        "ip": None if layout.ip == "0" else _constant(layout.ip),
        "latitude": _constant(layout.latitude),
        "longitude": _constant(layout.longitude),
        "updated_at": _constant(layout.time),
        "ignore_alias": options.ignore_alias,
        "duplicates": options.duplicates,
    }
    return {
        "verb": layout.operation.verb,
        "properties": {column.name: column.operator.verb for column in layout.columns}
        | dict.fromkeys(layout.removed, "unset"),
        "named": named,
        "has_proof": step.proof is not None,
    }


def _constant(source: Source | float | str | None) -> float | str | None:
    """Return what all rows have. A column stands as its name: `write_plan` refuses it, and the digest of a plan counts it."""
    return repr(source.label) if isinstance(source, Source) else source


def _table(plan: Planned) -> pa.Table:
    """Return the cells of all steps as one table."""
    tables = []
    for number, step in enumerate(plan.steps):
        of = pa.nulls(len(step.cells), LARGE_STRING)
        if step.proof is not None:
            of = step.proof["of"].take(
                pc.index_in(step.cells["id"], value_set=step.proof["id"].combine_chunks())
            )
        numbers = pa.repeat(pa.scalar(number, pa.int32()), len(step.cells))
        tables.append(step.cells.append_column(STEP, numbers).append_column(PROOF, of))
    return pa.concat_tables(tables)
