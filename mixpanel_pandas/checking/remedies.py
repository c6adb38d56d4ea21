"""The option `invalid`: what becomes of rows that do not pass a check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import OperationError, choices, did_you_mean
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mixpanel_pandas.checking.findings import Finding

__all__ = ["refuse_impossible_remedies", "remedy_for"]

#: Checks that settings of a user's schema stand for: ``nullable`` and ``unique``, of a column and of several together.
CHECKS_OF_SETTINGS = ("not_nullable", "field_uniqueness", "multiple_fields_uniqueness")


def remedy_for(finding: Finding, *, of_property: bool, invalid: Any) -> str:
    """Return what becomes of the rows of a finding.

    Parameters
    ----------
    of_property : bool
        Whether the finding is about values of a property, which can be left out of their rows.
    invalid : str or mapping
        The option. A mapping speaks of the checks that it names; errors of all other checks raise.

    Returns
    -------
    str
        The remedy; ``"raise"`` where the remedy asked for is impossible; ``""`` for warnings and hints, which are sent all the
        same unless a mapping names their check.
    """
    named = invalid.get(finding.check) if isinstance(invalid, Mapping) else None
    if finding.severity != "error" and named is None:
        return ""
    remedy: str = named or ("raise" if isinstance(invalid, Mapping) else invalid)
    needs_property = finding.rows is None or remedy != "drop_row"
    possible = remedy in finding.remedies and (of_property or not needs_property)
    return remedy if possible else "raise"


def refuse_impossible_remedies(invalid: Any, user_checks: Iterable[str] = ()) -> None:
    """Refuse a mapping that names checks which do not exist, or remedies that a check does not have.

    Parameters
    ----------
    user_checks : iterable of str, optional
        Names of the checks of the user's schema.

    Raises
    ------
    OperationError
        Naming all of them.
    """
    if not isinstance(invalid, Mapping):
        return
    names = [*CHECKS, *CHECKS_OF_SETTINGS, *user_checks]
    unknown = [name for name in invalid if name not in names]
    if unknown:
        hints = "; ".join(f"no check {quoted(name)}: {did_you_mean(name, names)}" for name in unknown)
        msg = f"invalid names {hints}"
        raise OperationError(msg)
    impossible = {
        name: remedy
        for name, remedy in invalid.items()
        if name in CHECKS and remedy not in ("raise", *CHECKS[name].remedies)
    }
    if impossible:
        hints = "; ".join(
            f"{name!r} knows {choices(('raise', *CHECKS[name].remedies))}, not {remedy!r}"
            for name, remedy in impossible.items()
        )
        msg = f"invalid={quoted(invalid)}: {hints}"
        raise OperationError(msg)
