"""A Mixpanel project: its address, its token, and how patiently it is asked."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mixpanel_pandas.errors import ProjectError, choices

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

__all__ = ["REGIONS", "Project", "destination"]

#: Data residency -> the host that takes profiles.
#: https://docs.mixpanel.com/docs/privacy/eu-residency, https://docs.mixpanel.com/docs/privacy/in-residency
REGIONS = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}

_TOKEN = re.compile(r"[0-9A-Za-z]{32}")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Token(str):
    """A project token: text, but for its repr, which debuggers and reports of errors show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{self[:4]}…'"


@dataclass(frozen=True)
class Project:
    """A Mixpanel project: its address, its token, and how long a call waits and retries.

    Parameters
    ----------
    token : str
        The project token, 32 letters and digits (Settings > Project Settings > Access Keys). No repr and no message shows it.
        Mixpanel does not verify it and answers a mistyped token with success.
    region : {"us", "eu", "in"}, optional
        Data residency of the project, by default ``MIXPANEL_REGION``. There is no other default, because Mixpanel answers a
        wrong region with success, too.
    url : str, optional
        The address of a proxy or an emulator, instead of `region`. Plain ``http`` is allowed only to this machine.
    timeout : float, default 60.0
        Seconds to wait for an answer.
    retries : int, default 8
        How often a request is tried again.
    backoff : float, default 2.0
        Seconds before the first retry. The pause doubles with each retry, up to 60 seconds. With 0 there are no pauses.
    adapter : requests.adapters.BaseAdapter, optional
        Sends the requests, as with ``requests.Session.mount``: ``emulator.adapter()``, or one of your own. ``==`` ignores it,
        it is not pickled, and it is not closed.

    Raises
    ------
    ProjectError
        If the token, the region or the address is missing or malformed.

    Notes
    -----
    A project can be pickled and passed to workers in other processes: ``df.mixpanel.set("id", project=project)``. The pickle
    holds the token.

    https://docs.mixpanel.com/docs/privacy/overview and https://developer.mixpanel.com/reference/project-token

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

    def __post_init__(self) -> None:
        if self.region is None and self.url is None:
            object.__setattr__(self, "region", os.environ.get("MIXPANEL_REGION"))
        errors = [error for check in _CHECKS if (error := check(self))]
        if errors:
            raise ProjectError("; ".join(errors))
        object.__setattr__(self, "token", Token(self.token))

    def __repr__(self) -> str:
        place = f"region={self.region!r}" if self.url is None else f"url={self.url!r}"
        return f"Project(token={self.token!r}, {place})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: all but the adapter, which belongs to its process."""
        return vars(self) | {"adapter": None}

    def __copy__(self) -> Self:
        """Return the project itself: it is immutable, and keeps its adapter."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the project itself: it is immutable, and keeps its adapter."""
        return self

    @classmethod
    def from_env(cls, region: str | None = None) -> Self:
        """Return the project of the environment.

        It takes ``MIXPANEL_TOKEN``, and ``MIXPANEL_REGION`` or ``MIXPANEL_URL``.

        Parameters
        ----------
        region : {"us", "eu", "in"}, optional
            Instead of ``MIXPANEL_REGION`` and ``MIXPANEL_URL``.

        Raises
        ------
        ProjectError
            If one of them is missing or malformed.
        """
        token = os.environ.get("MIXPANEL_TOKEN", "")
        return cls(token, region, url=None if region else os.environ.get("MIXPANEL_URL"))

    @property
    def place(self) -> str:
        """The region, or the host of `url`, as messages name it."""
        return _place_of(self.base)

    @property
    def base(self) -> str:
        """The address, without the path of an endpoint."""
        return (self.url or REGIONS[self.region or ""]).rstrip("/")

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that identify the token and do not help to guess it.

        A summary holds them in ``attrs["mixpanel"]["token_fingerprint"]``.

        Examples
        --------
        >>> mpd.Project("0123456789abcdef0123456789abcdef", "eu").fingerprint
        '079bc5dc'
        """
        return hashlib.blake2b(self.token.encode(), digest_size=4, key=b"mixpanel_pandas token").hexdigest()

    @property
    def identity(self) -> str:
        """The address and the fingerprint of the token, as a journal keeps them."""
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
        length = f"{len(token)} characters" if isinstance(token, str) else "no text"
        return f"the token is malformed: a project token has 32 letters and digits, this one is {length}"
    return None


def _place_error(project: Project) -> str | None:
    if project.url is not None:
        return "pass region or url, not both" if project.region is not None else _url_error(project.url)
    if project.region is None:
        return f"no region: choose one of {choices(REGIONS)} here or in MIXPANEL_REGION (where the project's data lives)"
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
        return "url must hold no user, password, query or fragment"
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return f"url {url!r} would carry the token in the clear: use https"
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
    return (
        f"{', '.join(wrong)} is out of range: a timeout is above 0, retries and backoff are 0 or more"
        if wrong
        else None
    )


def _adapter_error(project: Project) -> str | None:
    adapter: Any = project.adapter
    if adapter is None or (callable(getattr(adapter, "send", None)) and not isinstance(adapter, type)):
        return None
    return f"adapter must be an adapter of requests, such as emulator.adapter(), not {type(adapter).__name__}"


_CHECKS = (_token_error, _place_error, _patience_error, _adapter_error)


def destination(identity: str | None) -> dict[str, str]:
    """Return the place and the fingerprint of a project, as the attrs of a summary hold them.

    Parameters
    ----------
    identity : str or None
        The `Project.identity`. None: it was a dry run.
    """
    base, _, fingerprint = (identity or "").rpartition(", ")
    return {"place": _place_of(base) if base else "dry run", "token_fingerprint": fingerprint}
