"""What a case of the contract is. The tables of cases are in `updates`, `exchanges`, `questions` and `selectors`.

A case is data: what is asked, what the emulator answers, and where that is documented. Texts hold ``{id}`` for the prefix of the ids
of a run, ``{token}``, ``{stranger}`` (a token of nobody) and ``{project}``; `filled` puts the values in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.live.subject import Answer

#: How the id of every profile of every run begins. Nothing else is written, and nothing else is deleted.
FAMILY = "mixpanel-pandas-live-"

#: The property that most cases are about; the one that holds the prefix of the run; the one that holds a row of the selectors.
VALUE, RUN, ROW = "mpd_live", "mpd_live_run", "mpd_live_row"

#: Properties of the place of a user.
PLACE = ("$city", "$country_code", "$geo_source", "$region", "$timezone")

#: The value of a property that a profile lacks.
ABSENT: Final = "absent: no such property"

# Where a rule is documented.
OPENAPI = "https://developer.mixpanel.com/reference"
PROFILES = "https://docs.mixpanel.com/docs/data-structure/user-profiles"
TYPES = "https://docs.mixpanel.com/docs/data-structure/property-reference/data-type"
GEOLOCATION = "https://docs.mixpanel.com/docs/tracking-best-practices/geolocation"
DEFAULTS = "https://docs.mixpanel.com/docs/data-structure/property-reference/default-properties"
SELECTORS = "https://docs.mixpanel.com/reference/segmentation-expressions"
QUERY = f"{OPENAPI}/engage-query"
LISTS = "SDK for Android: operators of lists ignore what is no list"
RECORDED = "recorded by NangoHQ/integration-templates"
HEADLESS = "mixpanel/mixpanel-headless"
SILENT = "not documented"

Properties = dict[str, Any]


@dataclass(frozen=True)
class ProfileCase:
    """What updates make of a profile.

    Attributes
    ----------
    name : str
        What is asked, in words.
    before : dict or None
        The properties of the profile. None: there is none.
    updates : tuple of dict
        Fields of the updates, beside token and id. They travel in one request. Those of `ENVELOPE` are added; None leaves one out.
    after : dict, tuple or None
        The properties of `shows` that are there. None: there is no profile.
    shows : tuple of str
        Properties that are compared.
    only_names : bool
        Whether their values are not compared.
    alone : bool
        Whether the updates travel in a request of their own, because the emulator refuses one of them.
    lasting : bool
        Whether it leaves so much behind in a project that it runs against the emulator alone.
    suffix : str
        The end of the id. By default it is made of the name.
    """

    name: str
    before: Properties | None
    updates: tuple[Mapping[str, Any], ...]
    after: Properties | tuple[str, ...] | None
    source: str
    shows: tuple[str, ...] = (VALUE,)
    only_names: bool = False
    alone: bool = False
    lasting: bool = False
    parameters: str = "ip=0&verbose=1"
    suffix: str = ""
    group: bool = False

    @property
    def key(self) -> str:
        """The end of the id."""
        return self.suffix or slug(self.name)

    def answer(self, properties: Properties | None) -> Any:
        """Return what is compared of the profile as it was read."""
        if properties is None:
            return None
        seen = {name: properties[name] for name in self.shows if name in properties}
        return tuple(seen) if self.only_names else seen


@dataclass(frozen=True)
class Exchange:
    """A request that writes, and its answer.

    Attributes
    ----------
    body : list or str
        Records, or the body as it is.
    answer : tuple of (int, Any)
        The status, and the body as JSON or text.
    there : tuple of str
        The ends of the ids that have a profile afterwards.
    encoding : {"json", "form", "base64", "text"}
        How the body is sent.
    times : int
        How often the records stand in it.
    """

    name: str
    body: Any
    answer: tuple[int, Any]
    source: str
    there: tuple[str, ...] = ()
    parameters: str = "ip=0&verbose=1"
    encoding: Literal["json", "form", "base64", "text"] = "json"
    endpoint: Literal["engage", "groups"] = "engage"
    times: int = 1


@dataclass(frozen=True)
class Question:
    """A request that reads, and what is compared of its answer.

    Attributes
    ----------
    parameters : dict
        Of the query. ``{session}`` is the session of the latest page 0, ``{number}`` the number of the group key.
    view : callable
        Answer -> what is compared.
    how : {"form", "json", "address"}
        Where the parameters stand.
    login : {"account", "nobody", "wrong"}
        Who asks.
    """

    name: str
    parameters: Mapping[str, Any]
    view: Callable[[Answer], Any]
    answer: Any
    source: str
    path: str = "/api/query/engage"
    how: Literal["form", "json", "address"] = "form"
    login: Literal["account", "nobody", "wrong"] = "account"
    project: str = "{project}"


@dataclass(frozen=True)
class Selector:
    """An expression, and which profiles of the population it finds.

    Attributes
    ----------
    function : tuple of (str, int)
        The row of the emulator's table of which it is a case.
    where : str
        The expression. ``P`` stands for the property.
    found : tuple of str
        Names of the population.
    """

    name: str
    function: tuple[str, int]
    where: str
    found: tuple[str, ...]
    source: str = SELECTORS


def slug(name: str) -> str:
    """Return a name as the end of an id.

    >>> slug("$add 2: a list")
    'add-2-a-list'
    """
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")


def filled(value: Any, **texts: str) -> Any:
    """Return data with the texts of a run in place of their names in braces.

    >>> filled([{"$distinct_id": "{id}a"}], id="run-")
    [{'$distinct_id': 'run-a'}]
    """
    if isinstance(value, str):
        for name, text in texts.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {filled(name, **texts): filled(item, **texts) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(item, **texts) for item in value)
    return value
