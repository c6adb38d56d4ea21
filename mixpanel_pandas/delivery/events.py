"""What happens to the workers of an upload, and what they do next: plain data.

A worker does one thing at a time. `UploadState` takes the event that ends it, and returns the actions that follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from mixpanel_pandas.delivery.answers import Answer
    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.delivery.policy import Stop
    from mixpanel_pandas.payloads.batches import Batch

__all__ = [
    "Absent", "Action", "Answered", "Closed", "Draw", "Drawn", "Event", "Failed", "Leave", "Ready", "Rest", "Send",
    "StopAsked", "Wake", "Write", "Written",
]  # fmt: skip

# -- events -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """A worker begins, or its rest is over."""

    worker: int


@dataclass(frozen=True)
class Drawn:
    """A worker has drawn a batch, or there was none.

    Attributes
    ----------
    batch : Batch or None
        The batch. None: all rows of this wave were drawn.
    waiting : bool
        Whether another wave waits until all batches have final answers.
    """

    worker: int
    batch: Batch | None
    waiting: bool = False


@dataclass(frozen=True)
class Written:
    """The note of a request is on disk."""

    worker: int


@dataclass(frozen=True)
class Answered:
    """A request has ended, with an answer or without one."""

    worker: int
    answer: Answer


@dataclass(frozen=True)
class Failed:
    """An action of a worker raised an error."""

    worker: int
    error: BaseException


@dataclass(frozen=True)
class Absent:
    """A worker cannot begin. The others do its work."""

    worker: int


@dataclass(frozen=True)
class StopAsked:
    """The upload is to stop: nothing else is sent, and requests on the wire may still be answered."""

    stop: Stop


@dataclass(frozen=True)
class Closed:
    """The upload is over. Further answers do not count."""


Event: TypeAlias = Ready | Drawn | Written | Answered | Failed | Absent | StopAsked | Closed


# -- actions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draw:
    """Draw the next batch, then report `Drawn`.

    Attributes
    ----------
    finished_wave : tuple of Delivery or None
        The final answers of a wave, if the next wave is to begin.
    """

    finished_wave: tuple[Delivery, ...] | None = None


@dataclass(frozen=True)
class Write:
    """Write down what becomes of some rows if the process ends now.

    Attributes
    ----------
    wait : bool
        Whether the worker waits until it is on disk, then reports `Written`.
    """

    deliveries: tuple[Delivery, ...]
    wait: bool = False


@dataclass(frozen=True)
class Send:
    """Make one request, which ends at the latest at the time `until`, then report `Answered`."""

    batch: Batch
    until: float


@dataclass(frozen=True)
class Rest:
    """Wait until a time, or until `Wake`, then report `Ready`."""

    until: float


@dataclass(frozen=True)
class Leave:
    """The worker has nothing left to do."""


@dataclass(frozen=True)
class Wake:
    """End the rest of all workers, so that each asks what to do next."""


Action: TypeAlias = Draw | Write | Send | Rest | Leave | Wake
