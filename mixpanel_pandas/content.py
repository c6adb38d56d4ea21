"""What an upload sends, as a journal keeps it: digests in place of values."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.delivery.journal import Content
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.rules.options import taken_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixpanel_pandas.inspection import Inspection
    from mixpanel_pandas.payloads.plan import Plan
    from mixpanel_pandas.project import Project

__all__ = ["content_of"]


def content_of(inspection: Inspection, project: Project) -> Content:
    """Return what tells these updates from all others.

    Each row's payload, without the token, becomes a 64-bit hash whose key is made of the token: who reads the journal
    cannot try values. Rows that are merged have one payload, and all its hash.
    """
    plan = inspection.plan
    operation = plan.operation
    key = hashlib.blake2b(project.token.encode(), digest_size=8, person=b"journal key").hexdigest()
    digests = np.zeros(plan.rows, np.uint64)
    for payloads in encode_slices(plan, inspection.changes):
        encoded = payloads.text.cast(pa.large_binary())  # text would be encoded again, each by itself
        digests[payloads.positions] = pd.util.hash_array(
            encoded.to_numpy(zero_copy_only=False), hash_key=key, categorize=False
        )
    together = inspection.changes.together
    digests[together.positions] = digests[together.last()]
    described = _described(plan, project)
    name = hashlib.blake2b(orjson.dumps(described), digest_size=16)
    name.update(digests.tobytes())
    name.update(inspection.digest.encode())

    def ids() -> Iterator[pa.LargeStringArray]:
        for rows in plan.slices():
            yield ids_of(plan.id, rows)

    return Content(
        name=name.hexdigest(),
        described=described,
        operator=operation.verb,
        idempotent=operation.idempotent,
        digests=digests,
        ids=ids,
        ids_digest=inspection.digest,
        id=repr(plan.id.label),
        left_out=inspection.left_out,
    )


def _described(plan: Plan, project: Project) -> dict[str, Any]:
    """Return what shows up in a message when it differs: names and options, no values."""
    operation = plan.operation
    options = [
        option.name for option in taken_by(operation.verb, sending=False) if option.name not in _NOT_CONTENT
    ]
    return {
        "project": project.identity,
        "operator": operation.verb,
        "group": repr(operation.group),
        "id": repr(plan.id.label),
        "columns": [
            *(f"{column.name} ({column.operator.name})" for column in plan.columns),
            *(f"{name} (unset)" for name in plan.removed),
        ],
        "options": {name: _option_text(operation.option(name)) for name in options},
    }


#: Options that say no more than the rows and columns do.
_NOT_CONTENT = {"schema", "rename", "at_most"}


def _option_text(value: Any) -> str:
    return value.__qualname__ if callable(value) else repr(value)
