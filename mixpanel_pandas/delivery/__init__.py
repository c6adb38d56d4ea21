"""Sending batches and accounting for every row: requests, answers, retries, threads, the journal and the summary."""

from __future__ import annotations
