"""What a run takes over from an earlier content: the ids that are dealt with, and how the contents differ. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.delivery.journal.run import ACCEPTED, CARRIED, UNKNOWN, RunState
from mixpanel_pandas.delivery.journal.sessions import codes
from mixpanel_pandas.errors import choices
from mixpanel_pandas.payloads.changes import Excluded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mixpanel_pandas.payloads.fingerprint import Content

__all__ = ["applied_by_id", "differences_of", "rows_dealt_with"]


def rows_dealt_with(content: Content, earlier: Iterable[tuple[RunState, pa.ChunkedArray]]) -> list[Excluded]:
    """Return the rows whose ids have an outcome in an earlier content of the run.

    Parameters
    ----------
    content : Content
        What is to be sent now.
    earlier : iterable of (RunState, pyarrow.ChunkedArray)
        The outcomes of each earlier content, and its ids.
    """
    by_id = applied_by_id(earlier)
    reasons = pd.Series("", index=by_id.index, dtype=object)
    if content.idempotent:
        reasons[by_id["whole"]] = "sent before"
    else:
        reasons[by_id["some"]] = "sent in part"
        reasons[by_id["whole"]] = "sent before"
        reasons[by_id["doubt"]] = "in doubt"
    ids = pd.Index(pa.chunked_array(list(content.ids()), pa.large_string()).to_pandas(), dtype=object)
    reason_of_row = np.array(reasons.reindex(ids), object)
    for excluded in content.excluded:
        reason_of_row[excluded.positions] = None
    return [
        Excluded(np.flatnonzero(reason_of_row == reason), outcome, reason, error)
        for reason, (outcome, error) in CARRIED.items()
        if (reason_of_row == reason).any()
    ]


def applied_by_id(earlier: Iterable[tuple[RunState, pa.ChunkedArray]]) -> pd.DataFrame:
    """Return for each id of some contents whether all (``whole``) or ``some`` of its updates are applied, and whether some are in
    ``doubt``.
    """
    return pd.concat([_by_id(state, ids) for state, ids in earlier]).groupby(level=0).any()


def _by_id(state: RunState, ids: pa.ChunkedArray) -> pd.DataFrame:
    """Return for each id of a content whether all or some of its updates are applied, and whether some are in doubt."""
    last = codes(state.deliveries, state.rows)
    last[state.mask("sent before")], last[state.mask("in doubt")] = ACCEPTED, UNKNOWN
    last[state.mask("sent in part")] = -1
    sent = ~(state.mask() & ~state.mask(*CARRIED))
    rows = pd.DataFrame({"accepted": last == ACCEPTED, "doubt": last == UNKNOWN})[sent]
    by_id = rows.groupby(ids.to_pandas().to_numpy(object)[sent])
    return pd.DataFrame(
        {"whole": by_id["accepted"].all(), "some": by_id["accepted"].any(), "doubt": by_id["doubt"].any()}
    )


def differences_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words how two descriptions of a content differ."""
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences_of(old, new)
        elif isinstance(old, list) and isinstance(new, list):
            gone, added = [item for item in old if item not in new], [item for item in new if item not in old]
            changes = [f"without {choices(gone)}"] * bool(gone) + [f"with {choices(added)}"] * bool(added)
            yield f"{name} are now {' and '.join(changes) or 'in another order'}"
        else:
            yield f"{name} was {old}, and is {new} now"
