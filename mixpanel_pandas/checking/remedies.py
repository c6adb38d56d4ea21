"""The option `invalid`: what becomes of rows that do not pass a check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import OperationError, choices, did_you_mean
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mixpanel_pandas.checking.findings import Finding

__all__ = ["named_remedy", "refuse_impossible_remedies", "remedy_for"]

#: Checks that settings of a user's schema stand for: ``nullable`` and ``unique``, of a column and of several together.
CHECKS_OF_SETTINGS = ("not_nullable", "field_uniqueness", "multiple_fields_uniqueness")


def remedy_for(finding: Finding, *, of_property: bool, invalid: Any) -> str:
    """Return what becomes of the rows of a finding.

    Parameters
    ----------
    of_property : bool
        Whether the finding is about values of a property, which can be left out of their rows.
    invalid : str or mapping
        The option. A mapping speaks of the checks that it names, of a column or of all; errors of all other checks raise.

    Returns
    -------
    str
        The remedy; ``"raise"`` where the remedy asked for is impossible; ``""`` for warnings and hints, which are sent all the
        same unless a mapping names their check.
    """
    named = named_remedy(finding, invalid)
    if finding.severity != "error" and named is None:
        return ""
    remedy: str = named or ("raise" if isinstance(invalid, Mapping) else invalid)
    needs_property = finding.rows is None or remedy != "drop_row"
    possible = remedy in finding.remedies and (of_property or not needs_property)
    return remedy if possible else "raise"


def named_remedy(finding: Finding, invalid: Any) -> str | None:
    """Return the remedy that a mapping names for the check of a finding: that for its column, else that for all columns."""
    if not isinstance(invalid, Mapping):
        return None
    of_column = invalid.get(finding.column)
    named = of_column.get(finding.check) if isinstance(of_column, Mapping) else None
    of_all = invalid.get(finding.check)
    return named or (of_all if isinstance(of_all, str) else None)


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
    pairs = list(_named_checks(invalid))
    unknown = list(dict.fromkeys(name for name, _remedy in pairs if name not in names))
    if unknown:
        hints = "; ".join(f"no check {quoted(name)}: {did_you_mean(name, names)}" for name in unknown)
        msg = f"invalid names {hints}"
        raise OperationError(msg)
    impossible = {
        name: remedy
        for name, remedy in pairs
        if name in CHECKS and remedy not in ("raise", *CHECKS[name].remedies)
    }
    if impossible:
        hints = "; ".join(
            f"{name!r} can be {choices(('raise', *CHECKS[name].remedies))}, not {remedy!r}"
            for name, remedy in impossible.items()
        )
        msg = f"invalid={quoted(invalid)}: {hints}"
        raise OperationError(msg)


def _named_checks(invalid: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield each check that a mapping names, of all columns or of one, and its remedy."""
    for name, remedy in invalid.items():
        yield from remedy.items() if isinstance(remedy, Mapping) else [(name, remedy)]
