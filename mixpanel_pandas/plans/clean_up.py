"""Plans that rename properties or change their type. A replaced property is removed after the new one was read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.report import raise_errors
from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.plans.plan import plan_of
from mixpanel_pandas.plans.steps import Origin, step_of
from mixpanel_pandas.plans.texts import checked_texts, label_beside, series_of
from mixpanel_pandas.profiles.comparing import differ
from mixpanel_pandas.profiles.read import read_held
from mixpanel_pandas.profiles.selection import defined
from mixpanel_pandas.project import current_project
from mixpanel_pandas.reading.readings import reading
from mixpanel_pandas.rules.limits import NEVER_WRITTEN
from mixpanel_pandas.rules.operation import Operation, operation
from mixpanel_pandas.text import counted, quoted

if TYPE_CHECKING:
    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.project import Project

__all__ = ["rename_property", "retype_property"]

#: Examples that a message names.
EXAMPLES = 3

#: Texts that are decoded at once.
ROWS_AT_ONCE = 65_536


def rename_property(
    names: Mapping[str, str],
    *,
    keep: Literal["first", "last"] | None = None,
    where: str | None = None,
    group: str | None = None,
    project: Project | None = None,
) -> Plan:
    """Return the plan that renames properties on every profile that has them; send nothing.

    The plan has two steps. The first step sets the new property. The second step removes the old property, but only from profiles
    on which the new one was read back, so no value is lost.

    Parameters
    ----------
    names : mapping
        Old name -> new name. Several old names may get one new name.
    keep : {"first", "last"}, optional
        Which value to keep if a profile has several different ones: that of the first or the last property, in the order of the
        new name and then the old names. By default such profiles are an error.
    where : str, optional
        Which profiles, as a condition of Mixpanel; see `read_profiles`. By default all.
    group : str, optional
        The group key, for profiles of groups.
    project : Project, optional
        The project. By default that of `set_project`, else that of the environment.

    Returns
    -------
    Plan
        The plan, to review, save and apply.

    Raises
    ------
    OperationError
        If the names contradict each other, or profiles have different values and `keep` is None.
    ReadError
        As `read_profiles` raises it.

    Notes
    -----
    Mixpanel returns dates without milliseconds, so a date loses them when its property is renamed.

    Examples
    --------
    >>> df = pd.DataFrame({"id": ["ann", "bob"], "tier": ["pro", None], "plan": [None, "free"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     _ = df.mixpanel.set("id")
    ...     plan = mpd.rename_property({"tier": "plan"})
    >>> plan.cells[["id", "property", "before", "after", "change"]]
        id property before  after   change
    0  ann     plan   <NA>  "pro"      new
    1  ann     tier  "pro"   <NA>  emptied
    """
    if mistake := _mapping_mistake(names):
        raise OperationError(mistake)
    mistakes = [mistake for check in (_chain_mistake, _computed_mistake) if (mistake := check(names))]
    if keep not in {None, "first", "last"}:
        mistakes.append(f"keep={keep!r} is not one of {choices(['first', 'last'])}")
    if mistakes:
        raise OperationError("; ".join(mistakes))
    project = current_project(project)
    both = list(dict.fromkeys([*names, *names.values()]))
    held = read_held(project, where=_any_of(names, where), properties=both, group=group)
    columns = {
        new: _one_of(held, new, [old for old, other in names.items() if other == new], keep)
        for new in dict.fromkeys(names.values())
    }
    writing = Operation("set", None, None, None, group, {"missing": "null", "project": project})
    gets_it = {new: mask_of(column.is_valid()) for new, column in columns.items()}
    renamed = _without_errors(checked_texts(writing, held.ids, columns, gets_it))
    written, _same = step_of(renamed, held, keeps_same=True)
    removing = Operation("unset", None, tuple(names), None, group, {"project": project})
    proof = pa.table({"id": held.ids, "of": held.ids})
    removed, same = step_of(checked_texts(removing, held.ids, {}), held, proof)
    return plan_of([written, removed], len(same), Origin(where=where, total=len(held.ids)))


def retype_property(
    readings: Mapping[str, str],
    *,
    invalid: Literal["raise", "drop_value"] = "raise",
    where: str | None = None,
    group: str | None = None,
    project: Project | None = None,
) -> Plan:
    """Return the plan that converts the text of properties to another type, on every profile that has them; send nothing.

    Values that already have the type stay as they are.

    Parameters
    ----------
    readings : mapping
        Property -> reading, such as ``"number"`` or ``"date:dd/mm/yyyy"``: the readings of the option ``parse``. ``"text"`` converts
        numbers and booleans to text.
    invalid : {"raise", "drop_value"}, default "raise"
        What happens if text cannot be converted: an error for the whole plan, or the text stays as it is.
    where, group, project
        As for `rename_property`.

    Returns
    -------
    Plan
        The plan, to review, save and apply.

    Raises
    ------
    ValidationError
        If text cannot be converted. The report has the ids as labels of the rows.
    OperationError
        If a reading does not exist.
    ReadError
        As `read_profiles` raises it.

    Examples
    --------
    >>> df = pd.DataFrame({"id": ["ann", "bob"], "seats": ["12", "1,200"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     _ = df.mixpanel.set("id", parse={"seats": "text"})
    ...     plan = mpd.retype_property({"seats": "number:1,234.5"})
    >>> plan.cells[["id", "property", "before", "after", "change"]]
        id property   before after   change
    0  ann    seats     "12"    12  changed
    1  bob    seats  "1,200"  1200  changed
    """
    if not _is_mapping_of_texts(readings):
        msg = f"retype_property takes a mapping from property to reading, such as {{'age': 'number'}}, not {quoted(readings)}"
        raise OperationError(msg)
    to_text = [name for name, of in readings.items() if reading(of).kind == "text"]
    project = current_project(project)
    held = read_held(project, where=_any_of(readings, where), properties=list(readings), group=group)
    every = pa.array(np.arange(len(held.ids)))
    texts = {name: held.values_of(name, every) for name in readings}
    columns = {name: _as_text(texts[name]) for name in to_text}
    columns |= {name: _decoded(texts[name]) for name in readings if name not in to_text}
    label = label_beside(readings)
    frame = pd.DataFrame(
        {label: series_of(held.ids), **{name: series_of(column) for name, column in columns.items()}}
    )
    frame.index = pd.Index(held.ids.to_pandas(), name="id")
    parse = {name: of for name, of in readings.items() if name not in to_text}
    options = {"parse": parse, "invalid": invalid, "project": project}
    asked = operation("set", label, list(readings), group, options)
    read, same = step_of(_without_errors(check_frame(frame, asked)), held)
    return plan_of([read], len(same), Origin(where=where, total=len(held.ids)))


def _without_errors(decisions: Decisions) -> Decisions:
    """Raise what is wrong with values. What only deserves a warning is in Mixpanel already."""
    raise_errors(decisions)
    return decisions


def _any_of(names: Mapping[str, str], where: str | None) -> str:
    """Return the condition that a profile has one of some properties, and what the user asks for."""
    has_one = " or ".join(map(defined, names))
    return has_one if where is None else f"({where}) and ({has_one})"


def _one_of(held: HeldProfiles, new: str, olds: list[str], keep: str | None) -> pa.Array:
    """Return the value that a new name gets: null for the profiles that have none of the old names.

    Raises
    ------
    OperationError
        If values differ, and the call does not say which one stays.
    """
    every = pa.array(np.arange(len(held.ids)))
    values = [held.values_of(name, every) for name in (new, *olds)]
    chosen = pc.coalesce(*(values if keep != "last" else reversed(values)))
    if keep is None:
        differs = np.any([differ(value, chosen) & ~nulls_in(value) for value in values], axis=0)
        if differs.any():
            ids = held.ids.filter(pa.array(differs))
            msg = (
                f"{counted(len(ids), 'profile')} with several different values of {quoted(new)}, such as {choices(ids.to_pylist(), most=EXAMPLES)}: "
                'pass keep="first" or keep="last"'
            )
            raise OperationError(msg)
    has_none = np.all([nulls_in(value) for value in values[1:]], axis=0)
    return emptied(chosen, has_none)


def _decoded(texts: pa.Array) -> pa.Array:
    """Return the text of JSON texts; null for values that are not text."""
    is_text = pc.starts_with(texts, '"')
    places = pa.array(np.flatnonzero(mask_of(is_text)))
    decoded: list[str] = []
    for start in range(0, len(places), ROWS_AT_ONCE):
        some = texts.take(places.slice(start, ROWS_AT_ONCE)).to_pylist()
        decoded += orjson.loads(f"[{','.join(some)}]")
    return pc.replace_with_mask(
        pa.nulls(len(texts), LARGE_STRING), mask_of(is_text), pa.array(decoded, LARGE_STRING)
    )


def _as_text(texts: pa.Array) -> pa.Array:
    """Return numbers and booleans as text; null for all other values."""
    is_plain = pc.match_substring_regex(texts, "^(-?[0-9]|true|false)")
    return emptied(texts, ~mask_of(is_plain))


def _is_mapping_of_texts(names: Any) -> bool:
    is_mapping = isinstance(names, Mapping) and bool(names)
    return is_mapping and all(isinstance(name, str) and name for pair in names.items() for name in pair)


def _mapping_mistake(names: Any) -> str | None:
    if _is_mapping_of_texts(names):
        return None
    return f"rename_property takes a mapping from old name to new name, such as {{'Plan': 'plan'}}, not {quoted(names)}"


def _chain_mistake(names: Mapping[str, str]) -> str | None:
    both = [name for name in names if name in names.values()]
    if not both:
        return None
    return f"{choices(both)} would be an old and a new name: rename one after the other, by way of a name that no profile has"


def _computed_mistake(names: Mapping[str, str]) -> str | None:
    wrong = [name for pair in names.items() for name in pair if name in NEVER_WRITTEN]
    if not wrong:
        return None
    return f"{choices(wrong)}: Mixpanel itself writes it, so it is neither renamed nor a new name"
