"""The preview of an operation: where each column goes, what is wrong, what would be sent, and a button that sends it."""

from __future__ import annotations
