"""The options of the verbs as keywords of a call, for type checkers: who takes which, and of which type.

`ALL_OPTIONS` has their defaults and what they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
    from os import PathLike

    import pandera.pandas as pandera

    from mixpanel_pandas.project import Project
    from mixpanel_pandas.rules.options import Remedy

__all__ = [
    "DeleteOptions",
    "EveryOption",
    "PlanOptions",
    "SendingOptions",
    "UnsetOptions",
    "VerbOptions",
]


class ValueOptions(TypedDict, total=False):
    """How values become properties."""

    rename: Mapping[Any, str] | Callable[[Any], str] | Literal["reserved"] | None
    missing: Literal["skip", "null", "unset"]
    blank: Literal["keep", "missing"]
    parse: Mapping[Any, str] | None
    na: str | Collection[str] | None
    trim: bool
    spread: Mapping[Any, str] | Iterable[Any] | None
    known: Any
    new_properties: Literal["warn", "raise"]


class RowOptions(TypedDict, total=False):
    """How rows become updates."""

    invalid: Remedy | Mapping[Any, Remedy | Mapping[str, Remedy]]
    duplicates: Literal["raise", "last", "merge", "all"] | None
    ip: Hashable
    latitude: Hashable
    longitude: Hashable
    updated_at: Literal["keep", "refresh"] | Hashable | dt.datetime | None
    ignore_alias: bool | None
    schema: pandera.DataFrameSchema | None


class ProjectOption(TypedDict, total=False):
    """Where to write."""

    project: Project | None


class SendingOptions(TypedDict, total=False):
    """How updates are sent, also those of a plan."""

    batch_size: int | None
    workers: int
    requests_per_hour: int | None
    deadline: float | None
    check: bool | None
    canary: int | None
    dry_run: bool
    journal: str | PathLike[str] | None
    progress: bool | None


class RepeatOptions(TypedDict, total=False):
    """Whether a call is one that was made before. A plan decides that itself."""

    run: str | None
    on_changed: Literal["raise", "remaining"]
    repeat: bool


class RemovalOptions(TypedDict, total=False):
    """The backup of the removed values."""

    backup: str | PathLike[str] | Literal[True] | None


class GuardOptions(TypedDict, total=False):
    """How much may be deleted."""

    at_most: int


class VerbOptions(ValueOptions, RowOptions, ProjectOption, SendingOptions, RepeatOptions):
    """The options of the verbs that write values."""


class UnsetOptions(RowOptions, ProjectOption, SendingOptions, RepeatOptions, RemovalOptions):
    """The options of unset."""


class DeleteOptions(RowOptions, ProjectOption, SendingOptions, RepeatOptions, RemovalOptions, GuardOptions):
    """The options of delete."""


class PlanOptions(ValueOptions, RowOptions, ProjectOption):
    """The options of a plan, which is sent later."""


class EveryOption(
    ValueOptions, RowOptions, ProjectOption, SendingOptions, RepeatOptions, RemovalOptions, GuardOptions
):
    """The options of all verbs."""
