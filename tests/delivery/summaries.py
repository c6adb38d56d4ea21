"""Summaries of deliveries, made by hand."""

from __future__ import annotations

from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.delivery.summary import summarise

DIGEST = "d1g357"


def accepted(positions, batch=0, **more):
    given = {
        "updates": len(positions),
        "bytes": 10 * len(positions),
        "status_code": 200,
        "requests": 1,
        "attempts": 1,
    }
    return Delivery(
        batch, positions, **{"outcome": "accepted", "started": 1e9, "elapsed": 0.5, **given, **more}
    )


def ended(positions, outcome, batch=0, reason="refused", error="why", **more):
    return accepted(positions, batch, outcome=outcome, reason=reason, error=error, **more)


def summary_of(deliveries, excluded=(), *, rows, idempotent=True, operator="set"):
    return summarise(deliveries, excluded, operator=operator, rows=rows, digest=DIGEST, idempotent=idempotent)
