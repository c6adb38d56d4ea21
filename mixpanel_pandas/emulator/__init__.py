"""A Mixpanel on this machine: it keeps profiles, applies updates as documented, and fails on cue.

One function answers (`Emulator.answer`); a loopback server and an in-process adapter carry its answers, so that both
always agree. Where Mixpanel's documentation is silent the emulator has to choose: each choice is a comment beside the
code that makes it, and is no statement about Mixpanel.
"""

from __future__ import annotations

from mixpanel_pandas.emulator.emulator import Emulator
from mixpanel_pandas.emulator.faults import FAULTS
from mixpanel_pandas.emulator.ingestion import StrictShape

__all__ = ["FAULTS", "Emulator", "StrictShape"]
