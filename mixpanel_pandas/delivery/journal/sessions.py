"""The outcomes of the rows of a run over its sessions. Later answers replace earlier ones, and doubts stay. Pure.

Before each request and again after it, a session writes down what becomes of the rows if the process ends at once. The last
record of a row counts. A row that may have been applied in one session stays in doubt in the next one, unless it is accepted
there or the user settles it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.delivery.pending import compact, rows_at
from mixpanel_pandas.rules.outcomes import OUTCOMES, Outcome
from mixpanel_pandas.text import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.payloads.changes import Excluded

__all__ = ["codes", "combined", "last_words", "with_settled", "without_delivered"]

#: Outcomes that a row cannot have any more once it may have been applied.
SURE: frozenset[Outcome] = frozenset({"rejected", "not_sent"})

_UNKNOWN = OUTCOMES.index("unknown")

IN_DOUBT = "an earlier attempt of this run may have applied it"

#: Whether settled rows were applied -> their outcome and error from then on.
SETTLED: dict[bool, tuple[Outcome, str]] = {
    True: ("accepted", "was unknown, and is settled as applied"),
    False: ("not_sent", "was unknown, and is settled as not applied: make the same call again"),
}


def last_words(deliveries: Sequence[Delivery], rows: int) -> list[Delivery]:
    """Return the deliveries of a session that no later ones replace.

    If some rows of a delivery have a later one, all of them have.

    Parameters
    ----------
    deliveries : sequence of Delivery
        The deliveries, in the order in which they were written.
    rows : int
        Rows of the frame.
    """
    last = np.full(rows, -1)
    for number, delivery in enumerate(deliveries):
        last[rows_at(delivery.positions)] = number
    return [deliveries[number] for number in np.unique(last[last >= 0])]


def combined(earlier: Sequence[Delivery], later: Sequence[Delivery], rows: int) -> list[Delivery]:
    """Return the outcomes of the rows after another session.

    Parameters
    ----------
    earlier, later : sequence of Delivery
        The outcomes before, and in the session. No row is twice in either.
    rows : int
        Rows of the frame.
    """
    doubtful = codes(earlier, rows) == _UNKNOWN
    late = np.zeros(rows, bool)
    for delivery in earlier:
        late[rows_at(delivery.positions)] = delivery.late
    untouched = np.ones(rows, bool)
    for delivery in later:
        untouched[rows_at(delivery.positions)] = False
    batches = 1 + max((delivery.batch for delivery in earlier), default=-1)
    stay = (_restricted(delivery, untouched[rows_at(delivery.positions)]) for delivery in earlier)
    return [
        *(delivery for delivery in stay if delivery is not None),
        *(
            replace(
                _doubted(delivery, doubtful[at]),
                batch=delivery.batch + batches,
                late=delivery.late or bool(late[at].any()),
            )
            for delivery in later
            for at in [rows_at(delivery.positions)]
        ),
    ]


def with_settled(deliveries: Sequence[Delivery], rows: np.ndarray, *, applied: bool) -> list[Delivery]:
    """Return the outcomes of the rows after the user has settled some of them.

    Parameters
    ----------
    deliveries : sequence of Delivery
        The outcomes before.
    rows : numpy.ndarray
        Mask of the settled rows of the frame. Those that are not in doubt stay as they are.
    applied : bool
        Whether their updates were applied.
    """
    return [
        _settled(delivery, rows[rows_at(delivery.positions)], SETTLED[applied]) for delivery in deliveries
    ]


def without_delivered(held: Iterable[Excluded], deliveries: Sequence[Delivery], rows: int) -> list[Excluded]:
    """Return rows that were held back, without those that have a delivery in an earlier session."""
    undelivered = codes(deliveries, rows) < 0
    remaining = (replace(each, positions=each.positions[undelivered[each.positions]]) for each in held)
    return [each for each in remaining if len(each.positions)]


def codes(deliveries: Sequence[Delivery], rows: int) -> np.ndarray:
    """Return for each row the index of its outcome in `OUTCOMES`, or -1 if it is in no delivery."""
    code_of_row = np.full(rows, -1, np.int8)
    for delivery in deliveries:
        code_of_row[rows_at(delivery.positions)] = OUTCOMES.index(delivery.outcome)
        apart = np.fromiter(delivery.apart, np.int64, len(delivery.apart))
        code_of_row[delivery.rows[apart]] = [
            OUTCOMES.index(outcome) for outcome, _error in delivery.apart.values()
        ]
    return code_of_row


def _restricted(delivery: Delivery, kept: np.ndarray) -> Delivery | None:
    """Return a delivery with some of its rows. Updates and bytes are divided in proportion."""
    if kept.all():
        return delivery
    if not kept.any():
        return None
    share, places = kept.mean(), np.cumsum(kept) - 1
    return replace(
        delivery,
        positions=compact(delivery.rows[kept]),
        updates=round(delivery.updates * share),
        bytes=round(delivery.bytes * share),
        apart={int(places[row]): became for row, became in delivery.apart.items() if kept[row]},
    )


def _settled(delivery: Delivery, rows: np.ndarray, became: tuple[Outcome, str]) -> Delivery:
    """Return a delivery in which some rows are settled, if they are in doubt."""
    rows = rows & (codes([replace(delivery, positions=range(len(rows)))], len(rows)) == _UNKNOWN)
    if not rows.any():
        return delivery
    if rows.all():
        return replace(delivery, outcome=became[0], error=became[1], apart={}, reason="settled", late=False)
    return replace(delivery, apart={**delivery.apart, **dict.fromkeys(np.flatnonzero(rows).tolist(), became)})


def _doubted(delivery: Delivery, doubtful: np.ndarray) -> Delivery:
    """Return a delivery in which rows stay in doubt that were so before and are not accepted now."""
    if not doubtful.any():
        return delivery
    error = joined(IN_DOUBT, delivery.error)
    if delivery.outcome in SURE and doubtful.all() and not delivery.apart:
        return replace(delivery, outcome="unknown", error=error)
    apart = dict(delivery.apart)
    for row in np.flatnonzero(doubtful).tolist():  # few: they were under way when the earlier session ended
        outcome, text = apart.get(row, (delivery.outcome, delivery.error))
        if outcome in SURE:
            apart[row] = ("unknown", joined(IN_DOUBT, text))
    return replace(delivery, apart=apart)
