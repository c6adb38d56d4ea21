"""The project that a call writes to when it has no ``project=``.

Python evaluates ``mpd.set_project(project)`` in the same way in a statement and in a ``with`` statement, so the call cannot
tell which it is. Each call makes a `_Setting`, and a ``with`` statement turns it into a `_Block`. A setting that no ``with``
statement can enter any more is a default of the process.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
import time
import weakref
from dataclasses import dataclass
from multiprocessing import process
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import ProjectError
from mixpanel_pandas.process.locks import per_process
from mixpanel_pandas.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["current_project", "process_default", "set_project"]

#: Seconds that a verb waits while another thread may still enter the `set_project` that it has just made.
ENTER_SECONDS = 2.0


@dataclass(eq=False)
class _Block:
    """One entry into a ``with`` block.

    Attributes
    ----------
    project : Project or None
        The project of the block. None: that of the environment.
    left_elsewhere : bool
        Whether the block was left in another context, as by a generator that is closed there.
    """

    project: Project | None
    left_elsewhere: bool = False


@dataclass(eq=False)
class _Setting:
    """A call of `set_project` that no ``with`` statement has entered so far.

    Attributes
    ----------
    project : Project or None
        The project that was passed.
    result : weakref
        What the call returned. Once it is gone, nobody can enter it.
    thread : int
        The thread that made the call.
    within : _Block or None
        The block of ``set_project(None)`` in which the call was made. The setting ends with it.
    is_statement : bool
        Whether no ``with`` statement can follow.
    """

    project: Project | None
    result: weakref.ref[set_project]
    thread: int
    within: _Block | None
    is_statement: bool = False

    def check_statement(self) -> bool:
        """Return whether no ``with`` statement can follow, and keep that.

        None can follow if the result is gone, or if the thread that made the call has gone on to a verb, which is this one.
        """
        self.is_statement |= self.result() is None or self.thread == threading.get_ident()
        return self.is_statement


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
        The project to write to. None: the project of the environment variables.

    Raises
    ------
    ProjectError
        If `project` is neither a `Project` nor None.

    Notes
    -----
    A verb chooses its project when it is called. It takes the first of

    1. its own ``project=``,
    2. the project of the context: ``with mpd.set_project(project):`` applies to this thread or asyncio task, and to tasks
       and ``asyncio.to_thread`` calls that are started in the block. ``with mpd.set_project(None):`` ignores earlier settings:
       in the block, verbs use the environment variables, or a project that is set in the block, until the block ends;
    3. the default of the process: ``mpd.set_project(project)`` as a statement applies to all threads, and in a notebook to
       all later cells, until it is called again. None removes it;
    4. the environment variables ``MIXPANEL_TOKEN``, and ``MIXPANEL_REGION`` or ``MIXPANEL_URL``.

    Threads that are started in a block do not inherit its project. If a verb finds neither 1, 2 nor 3 while another thread or
    task is in a block, it raises `ProjectError` instead of writing to the project of the environment.

    Other processes do not inherit the setting. Pass ``project=`` to code that runs in workers of multiprocessing, joblib, Dask
    and the like. A worker that multiprocessing or joblib starts while a project is set raises `ProjectError` if it finds
    neither 1, 2 nor 3. Any other process takes the project of its environment.

    Python evaluates ``mpd.set_project(project)`` in the same way in a statement and before a ``with`` block. While the call may
    still become a block, verbs of other threads wait: until its result is dropped or shown, until its own thread calls a verb,
    or for 2 seconds.

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
        self._setting.is_statement = True  # a prompt or a notebook shows the result of a statement
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
        """Leave the block that this context entered last, and drop what was set in it."""
        here = _blocks.get()
        block = next((block for block in reversed(self._entered) if block in here), self._entered[-1])
        self._entered.remove(block)
        block.left_elsewhere = block not in here
        _blocks.set(tuple(other for other in here if other is not block))
        with _lock():
            _open.discard(block)
            _settings[:] = [setting for setting in _settings if setting.within is not block]
            _tell_workers()


def current_project(project: Project | None = None) -> Project:
    """Return the project that a call writes to.

    Parameters
    ----------
    project : Project, optional
        The ``project=`` of the call.

    Raises
    ------
    ProjectError
        If no project is set, or only in another thread or task.
    """
    for setting in tuple(_settings):
        setting.check_statement()
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


@contextlib.contextmanager
def process_default(project: Project | None) -> Iterator[None]:
    """Make `project` the default of the process. Restore the earlier settings at the end, whatever was set meanwhile."""
    with _lock():
        before = list(_settings)
    set_project(project)
    try:
        yield
    finally:
        with _lock():
            _settings[:] = before
            _tell_workers()


# -- blocks and settings ----------------------------------------------------------------------------------------------


def _inside() -> tuple[_Block, ...]:
    """Return the blocks that this context is in, the innermost last."""
    return tuple(block for block in _blocks.get() if not block.left_elsewhere)


def _reachable() -> list[_Setting]:
    """Return the settings that may still count: without those before one that nobody can enter any more."""
    kept: list[_Setting] = []
    hiding: set[_Block | None] = set()
    for setting in reversed(_settings):
        if setting.within not in hiding:
            kept.append(setting)
        if setting.result() is None:
            hiding.add(setting.within)
    return kept[::-1]


def _default(block: _Block | None) -> Project | None:
    """Return the default of the process, or in a block with None what was set in it."""
    until = time.monotonic() + ENTER_SECONDS
    while True:
        with _lock():
            setting = next((one for one in reversed(_settings) if block in {None, one.within}), None)
            if setting is None:
                return None
            setting.is_statement |= time.monotonic() > until  # its result was kept, and not entered
            if setting.check_statement():
                return setting.project
        time.sleep(0.001)


def _refuse_the_project_of_others() -> None:
    """Raise if another thread or process has set a project that this context does not see.

    Raises
    ------
    ProjectError
        Instead of writing to the project of the environment.
    """
    with _lock():
        elsewhere = any(block.project is not None for block in _open)
    if elsewhere:
        msg = (
            "no project is set in this thread or task, but another one is in a block of mpd.set_project(...): pass project= to this "
            "call (threads do not inherit the block in which they are started), or call mpd.set_project(...) as a statement, "
            "which applies to all threads"
        )
        raise ProjectError(msg)
    if _processes_with_project() - {os.getpid()}:
        msg = (
            "no project is set in this worker, but the process that started it has set one, which workers do not inherit: pass "
            "project= to this call (a Project can be pickled), or call mpd.set_project(...) in the worker"
        )
        raise ProjectError(msg)


# -- workers ----------------------------------------------------------------------------------------------------------

#: Key in the configuration that multiprocessing passes on to its workers, however they are started. There is no public way.
_PASSED_ON = "processes with a mixpanel_pandas project"


def _processes_with_project() -> frozenset[int]:
    """Return the ids of those processes, of this one and those that started it, that have set a project."""
    return _configuration().get(_PASSED_ON, frozenset())


def _tell_workers() -> None:
    """Tell workers that are started from now on whether this process has set a project. They do not get the project."""
    here = [setting.project for setting in _settings[-1:]] + [block.project for block in _open]
    own = {os.getpid()} if any(project is not None for project in here) else set()
    _configuration()[_PASSED_ON] = (_processes_with_project() - {os.getpid()}) | own


def _configuration() -> dict[str, frozenset[int]]:
    configuration: dict[str, frozenset[int]] = getattr(process.current_process(), "_config", {})
    return configuration
