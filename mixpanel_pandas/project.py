"""The project that profiles are written to: its address, its token, and which one a call takes."""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
import os
import re
import threading
import time
import weakref
from dataclasses import dataclass, field
from multiprocessing import process
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mixpanel_pandas.errors import ProjectError, choices
from mixpanel_pandas.forks import per_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from requests.adapters import BaseAdapter

__all__ = ["REGIONS", "Project", "current_project", "destination", "process_default", "set_project"]

#: Data residency -> the host that takes profiles.
#: https://docs.mixpanel.com/docs/privacy/eu-residency, https://docs.mixpanel.com/docs/privacy/in-residency
REGIONS = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}

_TOKEN = re.compile(r"[0-9A-Za-z]{32}")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

#: Seconds that a verb waits for another thread to enter or drop the `set_project` that it has just made.
PATIENCE = 2.0


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
    A project can be pickled, so it can be passed to workers in other processes: ``df.mixpanel.set("id", project=project)``.
    The pickle holds the token.

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
        findings = [finding for check in _FINDINGS if (finding := check(self))]
        if findings:
            raise ProjectError("; ".join(findings))
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
        return _place_of(self.base)

    @property
    def base(self) -> str:
        """Address without the path of an endpoint."""
        return (self.url or REGIONS[self.region or ""]).rstrip("/")

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that identify the token and do not help to guess it.

        A summary has them in its ``attrs["mixpanel"]["token_fingerprint"]``, beside the ``place``.

        Examples
        --------
        >>> mpd.Project("0123456789abcdef0123456789abcdef", "eu").fingerprint
        '079bc5dc'
        """
        return hashlib.blake2b(self.token.encode(), digest_size=4, key=b"mixpanel_pandas token").hexdigest()

    @property
    def identity(self) -> str:
        """Address and fingerprint, as a journal keeps them."""
        return f"{self.base}, {self.fingerprint}"


def _place_of(base: str) -> str:
    return next((region for region, host in REGIONS.items() if host == base), urlsplit(base).netloc)


def _token_finding(project: Project) -> str | None:
    token: Any = project.token  # it may be of any type
    if token is None or token == "":
        return (
            "no project token: set MIXPANEL_TOKEN, pass project=mpd.Project(token, region), or call "
            "mpd.set_project(mpd.Project(token, region)) (Mixpanel: Settings > Project Settings > Access Keys)"
        )
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        length = f"{len(token)} characters" if isinstance(token, str) else "no text"
        return f"the token cannot be right: a project token has 32 letters and digits, this one is {length}"
    return None


def _place_finding(project: Project) -> str | None:
    if project.url is not None:
        return "say region or url, not both" if project.region is not None else _url_finding(project.url)
    if project.region is None:
        return f"no region: choose one of {choices(REGIONS)} here or in MIXPANEL_REGION (where the project's data lives)"
    if project.region not in REGIONS:
        return f"region {project.region!r} is not known: choose one of {choices(REGIONS)}"
    return None


def _url_finding(url: Any) -> str | None:
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


def _patience_finding(project: Project) -> str | None:
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
        f"{', '.join(wrong)} cannot be: a timeout is above 0, retries and backoff 0 or more"
        if wrong
        else None
    )


def _adapter_finding(project: Project) -> str | None:
    adapter: Any = project.adapter
    if adapter is None or (callable(getattr(adapter, "send", None)) and not isinstance(adapter, type)):
        return None
    return f"adapter must be an adapter of requests, such as emulator.adapter(), not {type(adapter).__name__}"


_FINDINGS = (_token_finding, _place_finding, _patience_finding, _adapter_finding)


@dataclass(eq=False)
class _Block:
    """One entry into a ``with`` block."""

    project: Project | None
    left_elsewhere: bool = False  # a generator that was closed in another context


@dataclass(eq=False)
class _Setting:
    """A call of `set_project`: a default of the process, unless a ``with`` statement enters it.

    Attributes
    ----------
    result : weakref
        What the call returned. Once it is dead, nobody can enter it.
    thread : int
        The thread that made the call.
    within : _Block or None
        The block of ``set_project(None)`` in which it was made, and with which it ends.
    settled : bool
        Whether no ``with`` can follow.
    """

    project: Project | None
    result: weakref.ref[set_project]
    thread: int
    within: _Block | None
    settled: bool = False

    def is_settled(self) -> bool:
        """Return whether no ``with`` follows: the result is gone, or this is its own thread, which has gone on to a verb."""
        self.settled |= self.result() is None or self.thread == threading.get_ident()
        return self.settled


_blocks: contextvars.ContextVar[tuple[_Block, ...]] = contextvars.ContextVar(
    "mixpanel_pandas blocks", default=()
)
_lock = per_process(threading.RLock)  # reentrant, because a signal handler may call a verb
_open: weakref.WeakSet[_Block] = weakref.WeakSet()
_settings: list[_Setting] = []  # the latest last


class set_project:
    """Set the project that the verbs write to when a call has no ``project=``.

    Parameters
    ----------
    project : Project or None
        Where the verbs write. None: what the environment says.

    Raises
    ------
    ProjectError
        If it is neither a project nor None.

    Notes
    -----
    A verb decides once, when it is called, and takes the first of

    1. its own ``project=``,
    2. the project of the context: ``with mpd.set_project(project):`` holds for this thread or asyncio task, and for tasks
       and ``asyncio.to_thread`` calls that are started in the block. ``with mpd.set_project(None):`` starts afresh: in the
       block only what the environment says holds, and what is set within it, which ends with it;
    3. the default of the process: ``mpd.set_project(project)`` as a statement holds for all threads, and in a notebook for
       all later cells, until it is set anew. None removes it;
    4. the environment: ``MIXPANEL_TOKEN``, and ``MIXPANEL_REGION`` or ``MIXPANEL_URL``.

    Threads that are started in a block do not take over its project. A verb that finds neither 1, 2 nor 3 while another thread
    or task is in a block raises `ProjectError` and does not write to the project of the environment.

    Other processes do not take over what is set here: pass ``project=`` to what runs in workers of multiprocessing, joblib,
    Dask and the like. A worker that multiprocessing or joblib starts while a project is set raises `ProjectError` where it
    finds neither 1, 2 nor 3; any other process takes what its environment says.

    Python evaluates ``mpd.set_project(project)`` alike in a statement and before a ``with`` block. While it may become a block,
    verbs of other threads wait: until its result is dropped or shown, its own thread calls a verb, or 2 seconds are over.

    Examples
    --------
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = pd.DataFrame({"id": ["a"], "plan": ["pro"]}).mixpanel.set("id")
    >>> mpd.totals(summary)
        outcome reason  status_code  rows  updates
    0  accepted    NaN          200     1        1
    """

    def __init__(self, project: Project | None) -> None:
        argument: Any = project
        if argument is not None and not isinstance(argument, Project):
            msg = f"set_project takes a Project, not {type(argument).__name__}: mpd.set_project(mpd.Project(token, region))"
            raise ProjectError(msg)
        self._project = project
        self._entered: list[_Block] = []
        within = next((block for block in reversed(_inside()) if block.project is None), None)
        self._setting = _Setting(project, weakref.ref(self), threading.get_ident(), within)
        with _lock():
            _settings[:] = [*_reachable(), self._setting]
            _tell_workers()

    def __repr__(self) -> str:
        self._setting.settled = True  # a prompt or a notebook shows what a statement returns
        return f"set_project({self._project!r})"

    def __enter__(self) -> Project | None:
        block = _Block(self._project)
        with _lock():
            _settings[:] = [setting for setting in _settings if setting is not self._setting]
            _open.add(block)
            _tell_workers()
        self._entered.append(block)
        _blocks.set((*_blocks.get(), block))
        return self._project

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the block that this context entered last; what was set within it ends with it."""
        here = _blocks.get()
        block = next((block for block in reversed(self._entered) if block in here), self._entered[-1])
        self._entered.remove(block)
        block.left_elsewhere = block not in here
        _blocks.set(tuple(one for one in here if one is not block))
        with _lock():
            _open.discard(block)
            _settings[:] = [setting for setting in _settings if setting.within is not block]
            _tell_workers()


def _reachable() -> list[_Setting]:
    """Return the settings without those that a later one hides for good, as nobody can enter that any more."""
    kept: list[_Setting] = []
    hiding: set[_Block | None] = set()
    for setting in reversed(_settings):
        if setting.within not in hiding:
            kept.append(setting)
        if setting.result() is None:
            hiding.add(setting.within)
    return kept[::-1]


def _inside() -> tuple[_Block, ...]:
    """Return the blocks that this context is in, the innermost last."""
    return tuple(block for block in _blocks.get() if not block.left_elsewhere)


def _default(block: _Block | None) -> Project | None:
    """Return the default of the process, or in a block with None what was set within it."""
    until = time.monotonic() + PATIENCE
    while True:
        with _lock():
            setting = next((one for one in reversed(_settings) if block in {None, one.within}), None)
            if setting is None:
                return None
            setting.settled |= time.monotonic() > until  # its result was kept, and not entered
            if setting.is_settled():
                return setting.project
        time.sleep(0.001)


def current_project(project: Project | None = None) -> Project:
    """Return the project that a call writes to.

    Parameters
    ----------
    project : Project, optional
        The ``project=`` of the call.

    Raises
    ------
    ProjectError
        If no project is named, or only another thread or task has one.
    """
    for setting in tuple(_settings):
        setting.is_settled()
    block = next(reversed(_inside()), None)
    if project is None and block is not None:
        project = block.project
    if project is None:
        project = _default(block)
    if project is not None:
        return project
    if block is None:
        _refuse_the_project_of_others()
    return Project.from_env()


def _refuse_the_project_of_others() -> None:
    """Refuse the project of the environment where another thread or process has set one that this context does not see."""
    with _lock():
        elsewhere = any(block.project is not None for block in _open)
    if elsewhere:
        msg = (
            "no project here, while another thread or task is in a block of mpd.set_project(...): pass project= to this call "
            "(threads do not take over the block in which they are started), or call mpd.set_project(...) as a statement, "
            "which holds for all threads"
        )
        raise ProjectError(msg)
    if _processes_with_project() - {os.getpid()}:
        msg = (
            "no project in this worker, while the process that started it has set one, which workers do not take over: pass "
            "project= to this call (a Project can be pickled), or call mpd.set_project(...) in the worker"
        )
        raise ProjectError(msg)


#: Key in the configuration that multiprocessing passes on to its workers, however they are started. (There is no public way.)
_PASSED_ON = "processes with a mixpanel_pandas project"


def _processes_with_project() -> frozenset[int]:
    """Return the numbers of this process and of those that started it, where they have set a project."""
    return _configuration().get(_PASSED_ON, frozenset())


def _tell_workers() -> None:
    """Tell workers that are started from now on whether this process has set a project, though they do not get it."""
    here = [setting.project for setting in _settings[-1:]] + [block.project for block in _open]
    own = {os.getpid()} if any(project is not None for project in here) else set()
    _configuration()[_PASSED_ON] = (_processes_with_project() - {os.getpid()}) | own


def _configuration() -> dict[str, frozenset[int]]:
    configuration: dict[str, frozenset[int]] = getattr(process.current_process(), "_config", {})
    return configuration


@contextlib.contextmanager
def process_default(project: Project | None) -> Iterator[None]:
    """Make `project` the default of the process; afterwards restore the settings from before, whatever was set meanwhile."""
    with _lock():
        before = list(_settings)
    set_project(project)
    try:
        yield
    finally:
        with _lock():
            _settings[:] = before
            _tell_workers()


def destination(identity: str | None) -> dict[str, str]:
    """Return where rows went, as the attrs of a summary hold it.

    Parameters
    ----------
    identity : str or None
        Of the project; None: nowhere, it was a dry run.
    """
    base, _, fingerprint = (identity or "").rpartition(", ")
    return {"place": _place_of(base) if base else "dry run", "token_fingerprint": fingerprint}
