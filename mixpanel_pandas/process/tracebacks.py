"""Tracebacks in IPython end at the line that called this package. Python, pytest and debuggers show all of them, as ever.

IPython asks an exception for the lines to print (`_render_traceback_`, see "Custom exception tracebacks" in its manual), so nothing is
changed: ``%debug``, ``sys.last_value`` and loggers still have every frame, and ``%xmode Verbose`` prints them.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from mixpanel_pandas.process.shell import shell

__all__ = ["EndsAtTheCall"]

#: The frames of this package, by the name of their module.
PACKAGE = __name__.partition(".")[0]


class EndsAtTheCall(BaseException):
    """An exception whose message says all there is to know to the one who called; a mixin.

    Attributes
    ----------
    cause_tells : bool
        Whether the message leaves out what its cause has to tell, such as where a function of the user's failed.
    """

    cause_tells: bool = False

    def _render_traceback_(self) -> list[str]:
        """Return what IPython prints."""
        formatter = shell().InteractiveTB
        lines: list[str]
        if formatter.mode == "Verbose":
            lines = formatter.structured_traceback(type(self), self, self.__traceback__)
        else:
            traceback = up_to_the_call(self.__traceback__)
            lines = formatter.structured_traceback(type(self), _alone(self), traceback)
            lines = _earlier(self, formatter) + lines
        return lines


def up_to_the_call(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without this package's first frame and all below it; None if nothing is above it."""
    above: list[TracebackType] = []
    while traceback is not None and not _is_own(traceback):
        above.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for entry in reversed(above):
        kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept


def _is_own(traceback: TracebackType) -> bool:
    return str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0] == PACKAGE


def _alone(error: BaseException) -> BaseException:
    """Return an exception with the words of another, and without what it is chained to."""
    alone = Exception(str(error))
    alone.__notes__ = getattr(error, "__notes__", [])
    return alone


def _earlier(error: EndsAtTheCall, formatter: Any) -> list[str]:
    """Return the lines of the exception that `error` is chained to, if they tell more than its message.

    An exception that this package caught and put into words does not. One that the caller's code caught does.
    """
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    traceback = earlier.__traceback__ if earlier else None
    if earlier is None or not (error.cause_tells or (traceback and not _is_own(traceback))):
        return []
    if isinstance(earlier, EndsAtTheCall):
        lines = earlier._render_traceback_()
    else:
        lines = formatter.structured_traceback(type(earlier), earlier, traceback)
    words = "is the direct cause of" if error.__cause__ else "was being handled during"
    return [*lines, f"\nThe exception above {words} this one:\n"]
