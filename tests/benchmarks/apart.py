"""The other end of `measuring.apart`: call one function, print what it returns as JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    call = json.loads(sys.argv[1])
    if call["cores"]:  # before libraries make their pools of threads
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: call["cores"]])
    function = getattr(importlib.import_module(call["module"]), call["function"])
    print(json.dumps(function(*call["arguments"])))


if __name__ == "__main__":
    main()
