"""The properties that Mixpanel has, as the option `known` names them: their types, and which of them are like another name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.rules.limits import KNOWN_PROPERTIES, RESERVED_PROPERTIES, UPDATE_FIELDS, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KnownProperties", "is_collection_of_names", "is_source_of_names"]

#: Word for a type, of Mixpanel or of this package -> Mixpanel's type of values. Another word tells nothing.
TYPES = {
    "string": "string",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "date",
    "list": "list",
    "object": "object",
}

#: A name of fewer letters is like others as a whole alone: of id and is each is a word of its own.
LETTERS_THAT_MAY_DIFFER = 4


@dataclass(frozen=True, eq=False)
class KnownProperties:
    """The properties that Mixpanel has.

    Attributes
    ----------
    source : object
        The value of the option `known` that they come from.
    group : str or None
        The group key whose profiles have them; None for users.
    types : dict
        Name -> type, as Mixpanel or this package calls it; None if nothing is known of it.
    """

    source: Any
    group: str | None
    types: dict[str, str | None]

    def __contains__(self, name: str) -> bool:
        """Return whether Mixpanel has a property. Those that Mixpanel and its SDKs name are always there."""
        return (
            name in self.types
            or name in RESERVED_PROPERTIES
            or name in UPDATE_FIELDS
            or KNOWN_PROPERTIES.fullmatch(name) is not None
        )

    def type_of(self, name: str) -> str | None:
        """Return the type of a property as the checks call it, or None if nothing is known of it."""
        return TYPES.get(str(self.types.get(name)).lower())

    def like(self, name: str) -> str | None:
        """Return the property whose name is most like another name, if there is one.

        >>> KnownProperties(None, None, {"plan": None, "is_vip": None}).like("plna")
        'plan'
        """
        return next((self._by_form[form] for form in _forms(name) if form in self._by_form), None)

    @cached_property
    def _by_form(self) -> dict[tuple[str, str], str]:
        """Form -> the first name that has it; names that have it as a whole come before others."""
        forms = [(name, list(_forms(name))) for name in reversed(self.types)]
        parts = {form: name for name, of_name in forms for form in of_name[1:]}
        return parts | {of_name[0]: name for name, of_name in forms if of_name}


def _forms(name: str) -> Iterator[tuple[str, str]]:
    """Yield letters and digits of a name, then the letters without one of them. Names that share a form are like one another.

    So names are alike that differ in case, blanks and signs, or in one letter: one more, one less, another one, or two that have
    changed places. The digits are the same: q1 and q2 are meant.

    >>> list(_forms("Plan 2"))
    [('plan', '2'), ('lan', '2'), ('pan', '2'), ('pln', '2'), ('pla', '2')]
    """
    text = plain(name)
    letters = "".join(character for character in text if not character.isdigit())
    digits = "".join(character for character in text if character.isdigit())
    if letters:
        yield letters, digits
    if len(letters) >= LETTERS_THAT_MAY_DIFFER:
        yield from ((letters[:place] + letters[place + 1 :], digits) for place in range(len(letters)))


def is_collection_of_names(value: Any) -> bool:
    """Return whether a value is a collection of names such as a list or an index, or a mapping from names to types."""
    if isinstance(value, str) or getattr(value, "ndim", 1) != 1 or not isinstance(value, Collection):
        return False
    types = value.values() if isinstance(value, Mapping) else ()
    return all(isinstance(name, str) for name in value) and all(isinstance(one, str | None) for one in types)


def is_source_of_names(value: Any) -> bool:
    """Return whether a value may be read as a table of names: a path, or a frame of any library."""
    is_path = isinstance(value, str | PathLike) and bool(str(value))
    return is_path or hasattr(value, "columns") or hasattr(value, "__arrow_c_stream__")
