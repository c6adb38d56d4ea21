"""The command line, such as ``mixpanel-pandas set users.csv --id user_id``: the verbs on tables, and jobs."""

from __future__ import annotations

from mixpanel_pandas.cli.commands import main

__all__ = ["main"]
