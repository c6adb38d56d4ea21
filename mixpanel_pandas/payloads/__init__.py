"""From a frame to request bodies, column by column."""

from __future__ import annotations
