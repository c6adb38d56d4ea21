"""Names and fingerprints that tell one upload from another.

A name is made without any value. The key of fingerprints is made of the project's token, so that nobody who reads a fingerprint
can find values by trying them. Everything that is sent is hashed, so the hash has to be fast: XXH3 takes about a tenth of the
time of SHA-256, which would add a tenth to an upload with a journal (``python -m tests.benchmarks.journal``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.prefetch import prefetch
from mixpanel_pandas.rules.options import taken_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.changes import Excluded
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.project import Project

__all__ = ["Chain", "Content", "content_of", "describe_call", "digest_of_call", "fingerprint", "key_of"]

#: Bytes of a fingerprint.
SIZE = 16

#: Rows from one fingerprint of a chain to the next.
ROWS = 256


def key_of(project: Project) -> bytes:
    """Return the key of all fingerprints for a project."""
    destination = f"{project.base} {project.token!s}".encode()
    return hashlib.blake2b(destination, digest_size=32, person=b"fingerprint key").digest()


def fingerprint(payloads: Payloads, key: bytes) -> bytes:
    """Return 16 bytes that identify the text of some payloads."""
    offsets = payloads.offsets
    text = memoryview(payloads.text.buffers()[2] or b"")[offsets[0] : offsets[-1]]
    return hashlib.blake2b(xxhash.xxh3_128_digest(text), key=key, digest_size=SIZE).digest()


class Chain:
    """Fingerprints of payloads that come in pieces, the same however the pieces are cut.

    Each fingerprint covers all rows so far. Where two chains have the same fingerprint at the same place, all rows up to there
    are the same.

    Parameters
    ----------
    key : bytes
        From `key_of`.

    Attributes
    ----------
    fingerprints : list of bytes
        One after every `ROWS` rows, and one at each `end`.
    """

    def __init__(self, key: bytes) -> None:
        self.fingerprints: list[bytes] = []
        self._key, self._rows, self._text = key, 0, xxhash.xxh3_128()

    def add(self, payloads: Payloads) -> None:
        """Add the next rows."""
        offsets, rows = payloads.offsets, len(payloads)
        text, start = memoryview(payloads.text.buffers()[2] or b""), 0
        while start < rows:
            stop = min(rows, start + ROWS - self._rows)
            self._text.update(text[offsets[start] : offsets[stop]])
            self._rows, start = self._rows + stop - start, stop
            if self._rows == ROWS:
                self.end()

    def end(self) -> None:
        """Add a fingerprint of all rows so far."""
        if self._rows:
            before = self.fingerprints[-1] if self.fingerprints else b""
            digest = hashlib.blake2b(before + self._text.digest(), key=self._key, digest_size=SIZE)
            self.fingerprints.append(digest.digest())
            self._rows, self._text = 0, xxhash.xxh3_128()


@dataclass(frozen=True)
class Content:
    """A description of what a run sends, without any value.

    Attributes
    ----------
    name : str
        Digest of `described`, of the ids and of the number of rows.
    described : mapping
        Project, operator, columns and options, as texts, or lists or mappings of texts.
    operator, idempotent : str, bool
        Name of the upload, and whether all its operators are idempotent.
    rows : int
        Number of rows of the frame.
    ids : callable
        Returns an iterator over the ids, as arrays of text.
    ids_digest, id : str
        Digest of the ids, and the repr of their column's label.
    rows_per_slice : int
        Number of rows that are encoded at once.
    excluded : sequence of Excluded
        The rows that the checks exclude.
    """

    name: str
    described: Mapping[str, Any]
    operator: str
    idempotent: bool
    rows: int
    ids: Callable[[], Iterator[pa.LargeStringArray]]
    ids_digest: str
    id: str
    rows_per_slice: int
    excluded: Sequence[Excluded] = ()


def content_of(
    layout: Layout, ids_digest: str, project: Project, excluded: Sequence[Excluded] = ()
) -> Content:
    """Return the description of what a run sends. Nothing is encoded.

    Parameters
    ----------
    layout : Layout
        How the frame is encoded.
    ids_digest : str
        Digest of the ids, in order.
    project : Project
        Where the updates are sent.
    excluded : sequence of Excluded
        The rows that the checks exclude.
    """
    described = {"project": project.identity, **describe_call(layout)}
    name = hashlib.blake2b(orjson.dumps([described, ids_digest, layout.rows]), digest_size=16)

    def ids() -> Iterator[pa.LargeStringArray]:
        yield from prefetch(partial(ids_of, layout.id), layout.slices(), threaded=False)

    return Content(
        name=name.hexdigest(),
        described=described,
        operator=layout.operation.verb,
        idempotent=layout.operation.idempotent,
        rows=layout.rows,
        ids=ids,
        ids_digest=ids_digest,
        id=repr(layout.id.label),
        rows_per_slice=layout.rows_per_slice,
        excluded=excluded,
    )


def digest_of_call(described: Mapping[str, Any]) -> str:
    """Return what tells whether two calls write the same columns in the same way, wherever they write.

    Parameters
    ----------
    described : mapping
        As `describe_call` returns it, or with the project.
    """
    call = {name: value for name, value in described.items() if name != "project"}
    return hashlib.blake2b(orjson.dumps(call), digest_size=16).hexdigest()


def describe_call(layout: Layout) -> dict[str, Any]:
    """Return the names and options that a message names where two uploads differ; no values."""
    operation = layout.operation
    options = [
        option.name for option in taken_by(operation.verb, sending=False) if option.name not in _NOT_CONTENT
    ]
    return {
        "operator": operation.verb,
        "group": repr(operation.group),
        "id": repr(layout.id.label),
        "columns": [
            *(f"{column.name} ({column.operator.name})" for column in layout.columns),
            *(f"{name} (unset)" for name in layout.removed),
        ],
        "options": {name: _option_text(getattr(operation.options, name)) for name in options},
    }


#: Options whose effect shows in the rows and columns themselves.
_NOT_CONTENT = {"schema", "known", "new_properties", "rename", "at_most"}


def _option_text(value: Any) -> str:
    return value.__qualname__ if callable(value) else repr(value)
