"""Guards: what a plan may do at most. They are checked before anything is read or sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mixpanel_pandas.errors import GuardError, OptionError, ReadError, choices
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.plans.steps import Planned
    from mixpanel_pandas.project import Project

__all__ = ["Guards"]


@dataclass(frozen=True)
class Guards:
    """What a plan may do at most; `Plan.apply` describes each.

    Attributes
    ----------
    at_most, at_most_share, at_most_emptied, at_most_deletes, new_properties
        The options of `Plan.apply`.
    """

    at_most: int | None = None
    at_most_share: float | None = None
    at_most_emptied: int | None = None
    at_most_deletes: int | None = 1000
    new_properties: Literal["allow", "raise"] = "allow"

    def __post_init__(self) -> None:
        wrong = [
            f"{name}={value!r} must be a whole number of 0 or more"
            for name in ("at_most", "at_most_emptied", "at_most_deletes")
            if (value := getattr(self, name)) is not None and not _is_count(value)
        ]
        share = self.at_most_share
        if share is not None and (
            isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1  # type: ignore[redundant-expr]
        ):
            wrong.append(f"at_most_share={share!r} must be a number from 0 to 1")
        if self.new_properties not in {"allow", "raise"}:
            wrong.append(
                f"new_properties={self.new_properties!r} is not one of {choices(['allow', 'raise'])}"
            )
        if wrong:
            raise OptionError("; ".join(wrong))

    def check(self, plan: Planned, project: Project) -> None:
        """Refuse a plan that does more.

        Raises
        ------
        GuardError
            Names each guard that the plan exceeds, or that cannot be checked.
        """
        problems = [problem for guard in _GUARDS if (problem := guard(self, plan, project))]
        if problems:
            msg = f"{'; '.join(problems)}: nothing was sent"
            raise GuardError(msg)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _concerned(plan: Planned) -> int:
    return int(plan.counts[["new profiles", "changed profiles", "emptied profiles"]].sum())


def _profiles(guards: Guards, plan: Planned, _project: Project) -> str | None:
    concerned = _concerned(plan)
    if guards.at_most is None or concerned <= guards.at_most:
        return None
    return f"the plan changes {counted(concerned, 'profile')}, more than at_most={guards.at_most:,}"


def _share(guards: Guards, plan: Planned, _project: Project) -> str | None:
    if guards.at_most_share is None:
        return None
    total = plan.origin.total if plan.origin.is_whole else plan.origin.remembered
    if total is None:
        return f"at_most_share={guards.at_most_share} cannot be checked: the plan must be made with all profiles (current=mpd.read_profiles())"
    existing = int(plan.counts[["changed profiles", "emptied profiles"]].sum())
    if existing <= guards.at_most_share * total:
        return None
    share = guards.at_most_share
    return f"the plan changes {existing:,} of {total:,} profiles, more than at_most_share={share}"


def _emptied(guards: Guards, plan: Planned, _project: Project) -> str | None:
    emptied = int(plan.counts["emptied cells"])
    if guards.at_most_emptied is None or emptied <= guards.at_most_emptied:
        return None
    most = f"at_most_emptied={guards.at_most_emptied:,}"
    return f"the plan empties {counted(emptied, 'value')}, more than {most}"


def _deletes(guards: Guards, plan: Planned, _project: Project) -> str | None:
    deletes = int(plan.counts["emptied profiles"])
    if guards.at_most_deletes is None or deletes <= guards.at_most_deletes:
        return None
    return f"the plan deletes {counted(deletes, 'profile')} for good, more than at_most_deletes={guards.at_most_deletes:,}"


def _new_properties(guards: Guards, plan: Planned, project: Project) -> str | None:
    """Ask Mixpanel which properties there are. If it does not answer, they are not known."""
    if guards.new_properties == "allow":
        return None
    from mixpanel_pandas.profiles.properties import read_properties  # a plan without this guard asks nothing

    written = {
        name
        for step in plan.steps
        for name in step.cells.filter(step.cells["after"].is_valid())["property"].unique().to_pylist()
    }
    try:
        known = read_properties(plan.group, project=project)["name"]
    except ReadError as error:
        return f"new_properties='raise' cannot be checked ({error})"
    new = sorted(written - {None} - set(known))
    return f"the plan creates {counted(len(new), 'property')}: {choices(new)}" if new else None


_GUARDS: tuple[Callable[[Guards, Planned, Project], str | None], ...] = (
    _profiles,
    _share,
    _emptied,
    _deletes,
    _new_properties,
)
