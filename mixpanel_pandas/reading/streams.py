"""Streams of bytes: a file as it is opened, decompressed by its first bytes, and a stream whose beginning comes again."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Replayed", "open_decompressed"]

#: First bytes of a file -> Arrow's name of its compression.
COMPRESSIONS: dict[bytes, str] = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}


def open_decompressed(path: Path) -> IO[bytes]:
    """Return a file as a stream of bytes, decompressed if it begins as a compressed file does; files of several parts are read whole."""
    stream = path.open("rb")
    start = stream.read(4)
    whole = Replayed(start, stream)
    compression = next((name for magic, name in COMPRESSIONS.items() if start.startswith(magic)), None)
    if compression is None:
        return whole
    decompressed: IO[bytes] = pa.CompressedInputStream(pa.PythonFile(whole, mode="r"), compression)
    return decompressed


class Replayed(io.RawIOBase, IO[bytes]):
    """A stream whose beginning was read already, and comes again.

    Parameters
    ----------
    start : bytes
        The beginning.
    rest : binary file
        What follows.
    """

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        super().__init__()
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, or all of them; fewer only at the end."""
        taken, self._start = (self._start, b"") if size < 0 else (self._start[:size], self._start[size:])
        if size < 0:
            return taken + self._rest.read()
        while len(taken) < size and (block := self._rest.read(size - len(taken))):
            taken += block
        return taken

    def close(self) -> None:
        """Close the stream."""
        if not self.closed:
            self._rest.close()
        super().close()
