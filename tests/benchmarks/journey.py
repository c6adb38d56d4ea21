"""How often one value changes modules on its way to the wire.

    python -m tests.benchmarks.journey [MODULE ...]

One row with one text is set once, without a socket, and every call of a Python function is watched. A change is a call (or a
step of a generator) that goes from one module to another; only modules of the named folders count, so what stands between two of
them does not. Returns, and what is called once more inside of the same module, are no changes. The first upload, which imports, is
not watched. Prints the number of changes, and how many there are from which module to which.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import mixpanel_pandas as mpd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

PACKAGE = Path(mpd.__file__).parent

#: The folders through which a value goes, and their modules, unless others are named.
MODULES = ("payloads", "checking", "rules")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="MODULE")
    chosen = parser.parse_args()
    with mpd.Emulator() as emulator:
        frame = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        project = emulator.project
        frame.mixpanel.set("user_id", project=project)
        changes = changes_in(lambda: frame.mixpanel.set("user_id", project=project), chosen.modules)
    for (origin, target), count in changes.most_common():
        print(f"{count:4}  {origin} -> {target}")
    print(f"{changes.total():4}  changes of the module")


def changes_in(work: Callable[[], object], modules: Sequence[str] = MODULES) -> Counter[tuple[str, str]]:
    """Return how many calls go from one module to another, in this thread and those that `threading` starts."""
    changes: Counter[tuple[str, str]] = Counter()
    stacks = threading.local()

    def watch(frame: FrameType, event: str, _argument: Any) -> None:
        module = _module_of(frame.f_code.co_filename)
        if event not in {"call", "return"} or not module.startswith(tuple(modules)):
            return
        stack = stacks.__dict__.setdefault("modules", [])
        if event == "return":
            if stack:  # else it was called before it was watched
                stack.pop()
            return
        if stack and stack[-1] != module:
            changes[stack[-1], module] += 1
        stack.append(module)

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return changes


def _module_of(path: str) -> str:
    """Return the name of a module of the package, or an empty text."""
    file = Path(path)
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts) if file.is_relative_to(PACKAGE) else ""


if __name__ == "__main__":
    main()
