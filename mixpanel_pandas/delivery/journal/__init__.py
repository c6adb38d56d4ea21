"""The journal of uploads: a file that tells what was sent, so that the same call resumes and sends nothing twice."""

from __future__ import annotations

from mixpanel_pandas.delivery.journal.journal import Journal
from mixpanel_pandas.delivery.journal.reading import applied_in_run, read_journal, settle
from mixpanel_pandas.delivery.journal.run import Run
from mixpanel_pandas.delivery.journal.sessions import without_delivered

__all__ = ["Journal", "Run", "applied_in_run", "read_journal", "settle", "without_delivered"]
