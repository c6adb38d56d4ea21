"""A Mixpanel project: its address, its token, its service account, and its timeout and retries."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mixpanel_pandas.errors import ProjectError, choices
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    import pandas as pd
    from requests.adapters import BaseAdapter

__all__ = ["QUERY_REGIONS", "REGIONS", "Project", "destination"]

#: Data residency -> the host that takes profiles.
#: https://docs.mixpanel.com/docs/privacy/eu-residency, https://docs.mixpanel.com/docs/privacy/in-residency
REGIONS = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}

#: Data residency -> the host that answers queries. https://developer.mixpanel.com/reference/query-api
QUERY_REGIONS = {
    "us": "https://mixpanel.com",
    "eu": "https://eu.mixpanel.com",
    "in": "https://in.mixpanel.com",
}

#: Field of a project -> the variable of the environment that it is taken from.
_ACCOUNT = {
    "username": "MIXPANEL_USERNAME",
    "secret": "MIXPANEL_SECRET",
    "project_id": "MIXPANEL_PROJECT_ID",
    "group_keys": "MIXPANEL_GROUP_KEYS",
}

_NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_TOKEN = re.compile(r"[0-9A-Za-z]{32}")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Token(str):
    """A project token: text, except for its repr, which debuggers and reports of errors show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{self[:4]}…'"


class Secret(str):
    """The secret of a service account: text, except for its repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


@dataclass(frozen=True)
class Project:
    """A Mixpanel project: its address, its token, and how long a call waits and retries.

    Parameters
    ----------
    token : str
        The project token, 32 letters and digits (Settings > Project Settings > Access Keys). No repr or message shows it.
        Mixpanel does not verify it, and answers a mistyped token with success.
    region : {"us", "eu", "in"}, optional
        Data residency of the project. By default that of ``MIXPANEL_REGION``. There is no other default, because Mixpanel also
        answers a wrong region with success.
    url : str, optional
        The address of a proxy or an emulator, instead of `region`. Plain ``http`` is allowed only to this machine.
    timeout : float, default 60.0
        Seconds to wait for an answer.
    retries : int, default 8
        How often a failed request is sent again.
    backoff : float, default 2.0
        Seconds before the first retry. The pause doubles with each retry, up to 60 seconds. With 0 there are no pauses.
    adapter : requests.adapters.BaseAdapter, optional
        The adapter that sends the requests, as for ``requests.Session.mount``: ``emulator.adapter()``, or one of your own. ``==``
        ignores it, it is not pickled, and it is not closed.
    username, secret : str, optional
        A service account, to read profiles (Organization Settings > Service Accounts). No repr or message shows the secret. By
        default ``MIXPANEL_USERNAME`` and ``MIXPANEL_SECRET``, see Notes.
    project_id : int, optional
        The number of the project, to read profiles (Settings > Project Settings). By default ``MIXPANEL_PROJECT_ID``.
    group_keys : mapping, optional
        Group key -> its number, to read profiles of groups, such as ``{"company_id": "-1234567890123456789"}``. The number
        is the data group id of Project Settings. By default ``MIXPANEL_GROUP_KEYS``, such as ``company_id=-123,team=45``.

    Raises
    ------
    ProjectError
        If the token, the region or the address is missing or malformed, or the service account is incomplete.

    Notes
    -----
    A project can be pickled and passed to workers in other processes: ``df.mixpanel.set("id", project=project)``. The pickle
    contains the token and the secret.

    The service account, the project number and the group keys come from the environment only if the call names none of them,
    and ``MIXPANEL_TOKEN`` is either not set or the token of this project: profiles of one project are never read for another.

    https://docs.mixpanel.com/docs/privacy/overview, https://developer.mixpanel.com/reference/project-token and
    https://developer.mixpanel.com/reference/service-accounts

    Examples
    --------
    >>> mpd.Project("0123456789abcdef0123456789abcdef", "eu")
    Project(token='0123…', region='eu')
    >>> mpd.Project("0123456789abcdef0123456789abcdef", "europe")
    Traceback (most recent call last):
    ...
    mixpanel_pandas.errors.ProjectError: region 'europe' is not known: choose one of 'us', 'eu', 'in'
    """

    token: str = field(repr=False)
    region: str | None = None
    url: str | None = field(default=None, kw_only=True)
    timeout: float = field(default=60.0, kw_only=True)
    retries: int = field(default=8, kw_only=True)
    backoff: float = field(default=2.0, kw_only=True)
    adapter: BaseAdapter | None = field(default=None, kw_only=True, repr=False, compare=False)
    username: str | None = field(default=None, kw_only=True)
    secret: str | None = field(default=None, kw_only=True, repr=False)
    project_id: int | None = field(default=None, kw_only=True)
    group_keys: Mapping[str, str] | None = field(default=None, kw_only=True, hash=False)

    def __post_init__(self) -> None:
        if self.region is None and self.url is None:
            object.__setattr__(self, "region", os.environ.get("MIXPANEL_REGION"))
        if all(getattr(self, name) is None for name in _ACCOUNT):
            vars(self).update(_account_of_the_environment(self.token))
        errors = [error for check in _CHECKS if (error := check(self))]
        if errors:
            raise ProjectError("; ".join(errors))
        keys = self.group_keys
        if keys is not None:
            keys = {key: str(number) for key, number in keys.items()}
        vars(self).update(
            token=Token(self.token),
            secret=None if self.secret is None else Secret(self.secret),
            project_id=None if self.project_id is None else int(self.project_id),
            group_keys=keys,
        )

    def __repr__(self) -> str:
        place = f"region={self.region!r}" if self.url is None else f"url={self.url!r}"
        return f"Project(token={self.token!r}, {place})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: everything except the adapter, which belongs to its process."""
        return vars(self) | {"adapter": None}

    def __copy__(self) -> Self:
        """Return the project itself: it is immutable, and keeps its adapter."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the project itself: it is immutable, and keeps its adapter."""
        return self

    @classmethod
    def from_env(cls, region: str | None = None) -> Self:
        """Return the project of the environment variables.

        They are ``MIXPANEL_TOKEN``, ``MIXPANEL_REGION`` or ``MIXPANEL_URL``, and those of the service account.

        Parameters
        ----------
        region : {"us", "eu", "in"}, optional
            The region, instead of ``MIXPANEL_REGION`` and ``MIXPANEL_URL``.

        Returns
        -------
        Project
            The project.

        Raises
        ------
        ProjectError
            If one of them is missing or malformed.

        Examples
        --------
        >>> import os
        >>> os.environ["MIXPANEL_TOKEN"] = "0123456789abcdef0123456789abcdef"
        >>> mpd.Project.from_env("in")
        Project(token='0123…', region='in')
        >>> del os.environ["MIXPANEL_TOKEN"]
        """
        token = os.environ.get("MIXPANEL_TOKEN", "")
        return cls(token, region, url=None if region else os.environ.get("MIXPANEL_URL"))

    def check(self) -> pd.DataFrame:
        """Check the service account, the number, the region and the group keys of this project with Mixpanel.

        The call takes one of the 60 queries of an hour, and writes nothing. It cannot check the token, which Mixpanel does not verify.

        Returns
        -------
        pandas.DataFrame
            A row for each part: ``part``, ``works`` (missing: not known), and ``message``. `mpd.show` shows the messages in
            full.

        Raises
        ------
        PageFailed
            If Mixpanel cannot be reached.
        BudgetSpent
            If the queries of this hour are used up.

        Examples
        --------
        >>> with mpd.Emulator() as emulator:
        ...     checked = emulator.project.check()
        >>> checked[["part", "works"]]
                      part  works
        0            token   <NA>
        1  service account   True
        2          project   True
        3           region   True
        """
        # A query needs the floors above this one. The method is here, because users look for it on the project.
        checked: pd.DataFrame = import_module("mixpanel_pandas.profiles.check").check_project(self)
        return checked

    @property
    def place(self) -> str:
        """The region, or the host of `url`, as messages show it.

        Examples
        --------
        >>> mpd.Project("0123456789abcdef0123456789abcdef", url="https://proxy.example/mixpanel").place
        'proxy.example'
        """
        return _place_of(self.base)

    @property
    def base(self) -> str:
        """The address, without the path of an endpoint.

        Examples
        --------
        >>> mpd.Project("0123456789abcdef0123456789abcdef", "eu").base
        'https://api-eu.mixpanel.com'
        """
        return (self.url or REGIONS[self.region or ""]).rstrip("/")

    @property
    def query_base(self) -> str:
        """The address of queries, without the path of an endpoint.

        Examples
        --------
        >>> mpd.Project("0123456789abcdef0123456789abcdef", "eu").query_base
        'https://eu.mixpanel.com'
        """
        return (self.url or QUERY_REGIONS[self.region or ""]).rstrip("/")

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that identify the token and do not help to guess it.

        A summary has it in ``attrs["mixpanel"]["token_fingerprint"]``.

        Examples
        --------
        >>> mpd.Project("0123456789abcdef0123456789abcdef", "eu").fingerprint
        '079bc5dc'
        """
        return hashlib.blake2b(self.token.encode(), digest_size=4, key=b"mixpanel_pandas token").hexdigest()

    @property
    def identity(self) -> str:
        """The address and the fingerprint of the token, as a journal records them.

        Examples
        --------
        >>> mpd.Project("0123456789abcdef0123456789abcdef", "eu").identity
        'https://api-eu.mixpanel.com, 079bc5dc'
        """
        return f"{self.base}, {self.fingerprint}"


def _place_of(base: str) -> str:
    return next((region for region, host in REGIONS.items() if host == base), urlsplit(base).netloc)


def _token_error(project: Project) -> str | None:
    token: Any = project.token  # it may be of any type
    if token is None or token == "":
        return (
            "no project token: set MIXPANEL_TOKEN, pass project=mpd.Project(token, region), or call "
            "mpd.set_project(mpd.Project(token, region)) (Mixpanel: Settings > Project Settings > Access Keys)"
        )
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        length = f"has {counted(len(token), 'character')}" if isinstance(token, str) else "is not text"
        return f"the token is malformed: a project token has 32 letters and digits, this one {length}"
    return None


def _place_error(project: Project) -> str | None:
    if project.url is not None:
        return "pass region or url, not both" if project.region is not None else _url_error(project.url)
    if project.region is None:
        return f"no region: choose one of {choices(REGIONS)} here or in MIXPANEL_REGION (where the project's data is)"
    if project.region not in REGIONS:
        return f"region {project.region!r} is not known: choose one of {choices(REGIONS)}"
    return None


def _url_error(url: Any) -> str | None:
    if not isinstance(url, str):
        return f"url must be text, not {type(url).__name__}"
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "url must be an address such as 'https://proxy.example'"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "url must not contain a user, password, query or fragment"
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return f"url {url!r} would send the token unencrypted: use https"
    return None


def _patience_error(project: Project) -> str | None:
    limits: tuple[tuple[str, Any, float], ...] = (
        ("timeout", project.timeout, 1e-9),
        ("retries", project.retries, 0),
        ("backoff", project.backoff, 0),
    )
    wrong = [
        f"{name}={value!r}"
        for name, value, least in limits
        if not isinstance(value, int | float) or not least <= value < float("inf")
    ]
    if not wrong:
        return None
    return f"{', '.join(wrong)} is out of range: a timeout is above 0, retries and backoff are 0 or more"


def _adapter_error(project: Project) -> str | None:
    adapter: Any = project.adapter
    if adapter is None or (callable(getattr(adapter, "send", None)) and not isinstance(adapter, type)):
        return None
    return f"adapter must be an adapter of requests, such as emulator.adapter(), not {type(adapter).__name__}"


def _account_of_the_environment(token: str) -> dict[str, Any]:
    """Return what the environment says about reading, unless it is about a project with another token."""
    if os.environ.get("MIXPANEL_TOKEN") not in {None, token}:
        return {}
    texts: dict[str, Any] = {name: os.environ.get(variable) or None for name, variable in _ACCOUNT.items()}
    if texts["group_keys"]:
        pairs = (pair.partition("=") for pair in texts["group_keys"].split(","))
        texts["group_keys"] = {key.strip(): number.strip() for key, _, number in pairs}
    return texts


def _account_error(project: Project) -> str | None:
    username: Any = project.username
    secret: Any = project.secret
    if (username is None) != (secret is None):
        return "a service account needs both username and secret (Mixpanel: Organization Settings > Service Accounts)"
    if username is not None and not all(isinstance(text, str) and text for text in (username, secret)):
        return "username and secret of the service account must be text"
    if ":" in (username or ""):
        return "the username of a service account must not contain a colon"
    return None


def _numbers_error(project: Project) -> str | None:
    number: Any = project.project_id
    keys: Any = project.group_keys
    if number is not None and (isinstance(number, bool) or not re.fullmatch("[0-9]{1,18}", str(number))):
        return f"project_id {number!r} is not the number of a project (Mixpanel: Settings > Project Settings)"
    if keys is None:
        return None
    if not isinstance(keys, Mapping):
        return f"group_keys must be a mapping such as {{'company_id': '-123'}}, not {type(keys).__name__}"
    wrong = [key for key, value in keys.items() if not isinstance(key, str) or not _is_group_number(value)]
    if wrong:
        return f"group_keys: {choices(wrong)} do not have the number of a group key (Mixpanel: Settings > Project Settings)"
    return None


def _is_group_number(number: Any) -> bool:
    return isinstance(number, int | str) and bool(_NUMBER.fullmatch(str(number)))


_CHECKS = (_token_error, _place_error, _patience_error, _adapter_error, _account_error, _numbers_error)


def destination(identity: str | None) -> dict[str, str]:
    """Return the place and the fingerprint of a project, as they are in the attrs of a summary.

    Parameters
    ----------
    identity : str or None
        The `Project.identity`. None: it was a dry run.
    """
    base, _, fingerprint = (identity or "").rpartition(", ")
    return {"place": _place_of(base) if base else "dry run", "token_fingerprint": fingerprint}
