"""Where profiles are written, and as whom."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mixpanel_pandas.errors import ProjectError, choices

if TYPE_CHECKING:
    from types import TracebackType

    from requests.adapters import BaseAdapter

__all__ = ["REGIONS", "Project", "set_project"]

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
    """A Mixpanel project: where profiles go, as whom, and how patiently.

    Parameters
    ----------
    token : str
        The project token, 32 letters and digits (Settings > Project Settings > Access Keys). It is never shown again.
        Mixpanel does not verify it: a mistyped token is answered with success.
    region : {"us", "eu", "in"}, optional
        Data residency of the project. It must be said here or in ``MIXPANEL_REGION``, because a wrong one is answered
        with success, too.
    url : str, optional
        Instead of `region`: the address of a proxy or of an emulator. Plain ``http`` only to this machine.
    timeout : float, default 60.0
        Seconds to wait for an answer.
    retries : int, default 8
        Further tries after the first.
    backoff : float, default 2.0
        Seconds before the first further try; it doubles up to 60 seconds. 0 waits never.
    adapter : requests.adapters.BaseAdapter, optional
        What requests go out through, as with ``requests.Session.mount``: ``emulator.adapter()``, or one of your own. It takes
        no part in ``==`` and is not pickled. It is not closed.

    Raises
    ------
    ProjectError
        If the token, the region or an address is missing or cannot be right.

    Notes
    -----
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
        problems = [problem for check in _PROBLEMS if (problem := check(self))]
        if problems:
            raise ProjectError("; ".join(problems))
        object.__setattr__(self, "token", Token(self.token))

    def __repr__(self) -> str:
        place = f"region={self.region!r}" if self.url is None else f"url={self.url!r}"
        return f"Project(token={self.token!r}, {place})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: an adapter belongs to its process."""
        return vars(self) | {"adapter": None}

    def __copy__(self) -> Self:
        """Return the project itself, which nothing can change, with its adapter."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the project itself, which nothing can change, with its adapter."""
        return self

    @classmethod
    def from_env(cls, region: str | None = None) -> Self:
        """Return the project that the environment names.

        ``MIXPANEL_TOKEN`` is needed, and ``MIXPANEL_REGION`` or ``MIXPANEL_URL``.

        Parameters
        ----------
        region : {"us", "eu", "in"}, optional
            Instead of what the environment says about the place.

        Raises
        ------
        ProjectError
            If one of them is missing or cannot be right.
        """
        token = os.environ.get("MIXPANEL_TOKEN", "")
        return cls(token, region, url=None if region else os.environ.get("MIXPANEL_URL"))

    @property
    def place(self) -> str:
        """Region, or host of the address: what a person calls the destination."""
        return self.region or urlsplit(self.url or "").netloc

    @property
    def base(self) -> str:
        """Address without the path of an endpoint."""
        return (self.url or REGIONS[self.region or ""]).rstrip("/")


def _token_problem(project: Project) -> str | None:
    token: Any = project.token  # whatever was given
    if token is None or token == "":
        return (
            "no project token: set MIXPANEL_TOKEN, or call mpd.set_project(mpd.Project(token, region)) "
            "(Mixpanel: Settings > Project Settings > Access Keys)"
        )
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        length = f"{len(token)} characters" if isinstance(token, str) else "no text"
        return f"the token cannot be right: a project token has 32 letters and digits, this one is {length}"
    return None


def _place_problem(project: Project) -> str | None:
    if project.url is not None:
        return "say region or url, not both" if project.region is not None else _url_problem(project.url)
    if project.region is None:
        return f"no region: choose one of {choices(REGIONS)} here or in MIXPANEL_REGION (where the project's data lives)"
    if project.region not in REGIONS:
        return f"region {project.region!r} is not known: choose one of {choices(REGIONS)}"
    return None


def _url_problem(url: Any) -> str | None:
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


def _patience_problem(project: Project) -> str | None:
    given: tuple[tuple[str, Any, float], ...] = (
        ("timeout", project.timeout, 1e-9),
        ("retries", project.retries, 0),
        ("backoff", project.backoff, 0),
    )
    wrong = [
        f"{name}={value!r}"
        for name, value, least in given
        if not isinstance(value, int | float) or not least <= value < float("inf")
    ]
    return (
        f"{', '.join(wrong)} cannot be: a timeout is above 0, retries and backoff 0 or more"
        if wrong
        else None
    )


def _adapter_problem(project: Project) -> str | None:
    adapter: Any = project.adapter
    if adapter is None or (callable(getattr(adapter, "send", None)) and not isinstance(adapter, type)):
        return None
    return f"adapter must be an adapter of requests, such as emulator.adapter(), not {type(adapter).__name__}"


_PROBLEMS = (_token_problem, _place_problem, _patience_problem, _adapter_problem)


class set_project:
    """Make `project` the default from here on, or within a ``with`` block.

    Parameters
    ----------
    project : Project or None
        Where the verbs write when they are not told. None: what the environment says.

    Examples
    --------
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = pd.DataFrame({"id": ["a"], "plan": ["pro"]}).mixpanel.set("id")
    >>> mpd.totals(summary)
        outcome reason  status_code  rows  updates
    0  accepted    NaN          200     1        1
    """

    current: Project | None = None

    def __init__(self, project: Project | None) -> None:
        given: Any = project
        if given is not None and not isinstance(given, Project):
            msg = f"set_project takes a Project, not {type(given).__name__}: mpd.set_project(mpd.Project(token, region))"
            raise ProjectError(msg)
        self._project, self._before = project, set_project.current
        set_project.current = project

    def __repr__(self) -> str:
        return f"set_project({self._project!r})"

    def __enter__(self) -> Project | None:
        return self._project

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        set_project.current = self._before


def current_project() -> Project:
    """Return the project set last, else the one that the environment names."""
    return set_project.current or Project.from_env()
