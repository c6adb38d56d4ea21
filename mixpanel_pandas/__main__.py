"""``python -m mixpanel_pandas``."""

from __future__ import annotations

from mixpanel_pandas.cli import main

if __name__ == "__main__":
    main(prog_name="python -m mixpanel_pandas")
