"""A Mixpanel on this machine. It keeps profiles, applies updates as documented, and fails on cue.

`Emulator.answer` answers all requests. A loopback server and an in-process adapter deliver its answers, so both always agree.
Where Mixpanel's documentation is silent, the emulator has to choose. A comment beside the code marks each choice. It is no
statement about Mixpanel.
"""

from __future__ import annotations

from mixpanel_pandas.emulator.emulator import Emulator
from mixpanel_pandas.emulator.faults import FAULTS
from mixpanel_pandas.emulator.ingestion import StrictShape

__all__ = ["FAULTS", "Emulator", "StrictShape"]
