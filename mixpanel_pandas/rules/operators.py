"""The profile operators: a table with a row for each, and a column for everything in which they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["OPERATORS", "REMOVALS", "Missing", "Operator", "Verb"]

Verb = Literal["set", "set_once", "add", "union", "append", "remove", "unset", "delete"]
Missing = Literal["skip", "null", "unset"]
DuplicatesChoice = Literal["raise", "last", "merge", "all"]


@dataclass(frozen=True)
class Operator:
    """One profile operator.

    Attributes
    ----------
    verb : str
        Its name in Python.
    name : str
        Its name in a record.
    takes : {"any", "number", "list", "item", "scalar", "names", "nothing"}
        What the value of a property may be. ``list`` wraps a scalar, ``item`` is one value of a list, and ``names`` means
        names of properties instead of values.
    users, groups : bool
        Whether Mixpanel supports it for user and for group profiles.
    idempotent : bool
        Whether an update that is applied twice leaves the same profile as one that is applied once.
    ordered : bool
        Whether the order of two updates of one profile makes a difference.
    missing : tuple of str
        What missing values can do; the first is the default.
    duplicates : str
        What happens by default to several rows of one id.
    merges : bool
        Whether rows of one id can become one update, which loses only values that a later row replaces.
    updated_at : str
        What happens to "Updated at" by default.
    ignore_alias : bool
        Whether an id is taken literally by default.
    batch_size : int
        Updates per request by default.
    does : str
        One line for documentation.
    source : str
        Mixpanel's page.
    """

    verb: Verb
    name: str
    takes: Literal["any", "number", "list", "item", "scalar", "names", "nothing"]
    does: str
    users: bool = True
    groups: bool = True
    idempotent: bool = True
    ordered: bool = True
    missing: tuple[Missing, ...] = ("skip",)
    duplicates: DuplicatesChoice = "raise"
    merges: bool = False
    updated_at: Literal["keep", "refresh"] = "keep"
    ignore_alias: bool = False
    batch_size: int = 2000
    page: str = ""

    @property
    def source(self) -> str:
        """Mixpanel's page."""
        return f"https://developer.mixpanel.com/reference/{self.page}"

    @property
    def has_values(self) -> bool:
        """Whether an update carries values of properties, not only names or nothing."""
        return self.takes not in {"names", "nothing"}


#: Why groups lack two operators: the user profile page says "not supported in group profiles", no SDK offers them and
#: no endpoint is documented, though one reference page lists $add among the batch operators.
#: https://docs.mixpanel.com/docs/data-structure/user-profiles
GROUPS_REFUSAL = (
    "{name} is not supported in group profiles, according to Mixpanel's documentation (one reference page lists it, but no "
    "SDK offers it): compute the new value in the frame and use set, or union for lists"
)

OPERATORS: dict[str, Operator] = {
    operator.verb: operator
    for operator in (
        Operator(
            "set",
            "$set",
            "any",
            "Write properties, and overwrite existing ones.",
            missing=("skip", "null", "unset"),
            merges=True,
            page="profile-set",
        ),
        Operator(
            "set_once",
            "$set_once",
            "any",
            "Write properties that do not exist yet.",
            missing=("skip", "null"),
            merges=True,
            updated_at="refresh",
            page="profile-set-property-once",
        ),
        Operator(
            "add",
            "$add",
            "number",
            "Add numbers to properties; one that does not exist counts as 0.",
            groups=False,
            idempotent=False,
            ordered=False,
            batch_size=200,
            duplicates="all",
            page="profile-numerical-add",
        ),
        Operator(
            "union",
            "$union",
            "list",
            "Add items to list properties, unless they are there already.",
            duplicates="all",
            page="user-profile-union",
        ),
        Operator(
            "append",
            "$append",
            "item",
            "Add one item to list properties.",
            groups=False,
            idempotent=False,
            batch_size=200,
            duplicates="all",
            page="profile-append-to-list-property",
        ),
        Operator(
            "remove",
            "$remove",
            "scalar",
            "Remove an item from list properties.",
            idempotent=False,
            batch_size=200,
            duplicates="all",
            page="profile-remove-from-list-property",
        ),
        Operator(
            "unset",
            "$unset",
            "names",
            "Remove properties.",
            duplicates="last",
            merges=True,
            page="profile-delete-property",
        ),
        Operator(
            "delete",
            "$delete",
            "nothing",
            "Delete whole profiles; their events stay.",
            duplicates="last",
            merges=True,
            ignore_alias=True,
            page="delete-profile",
        ),
    )
}

#: Verbs that only remove what profiles hold, for good.
REMOVALS: tuple[Verb, ...] = tuple(
    operator.verb for operator in OPERATORS.values() if not operator.has_values
)
