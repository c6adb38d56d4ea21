"""Streams of bytes: opened by path, address or as they are, and decompressed by their first bytes."""

from __future__ import annotations

import codecs
import io
import re
import shutil
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from mixpanel_pandas.errors import MissingExtraError, MixpanelError, OperationError, from_extra
from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.text import Length, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Replayed",
    "Utf8",
    "calling_fsspec",
    "open_decompressed",
    "reading_error",
    "seekable",
    "shown_address",
    "without_secrets",
]

#: First bytes of a file -> Arrow's name of its compression.
COMPRESSIONS: dict[bytes, str] = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}

#: First bytes of a file that holds no text -> what it is, and how it is read.
NO_TEXT: dict[bytes, str] = {
    b"PK\x03\x04": "a zip archive or an Excel workbook: unpack it, or read the workbook with pd.read_excel",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: read it with pd.read_excel",
    b"PAR1": "a Parquet file: read it with format='parquet'",
    b"ARRO": "an Arrow file: read it with format='arrow'",
}

#: What a file that cannot be read raises. Errors of other classes are named by their class.
_EXPECTED = (OSError, ValueError, EOFError, pa.ArrowException)

#: Byte order mark -> encoding. That of UTF-32 may begin as that of UTF-16 does.
MARKS: dict[bytes, str] = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

#: Bytes of another encoding that are decoded at once.
DECODED_BYTES = 1 << 20


def without_secrets(address: str) -> str:
    """Return a path or an address without what may be a secret: a user's name, a password, a signature.

    >>> without_secrets("https://me:secret@host/users.csv?signature=abc")
    'https://host/users.csv'
    """
    return re.sub(r"//[^/]*@", "//", address.partition("?")[0]) if "://" in address else address


def _without_secrets_of_addresses(text: str) -> str:
    """Return a text of somebody else with its addresses as `without_secrets` leaves them.

    >>> _without_secrets_of_addresses("403, url='https://me:secret@host/users.csv?signature=abc'")
    "403, url='https://host/users.csv'"
    """
    return re.sub(r"\w+://[^\s'\"]+", lambda address: without_secrets(address[0]), text)


def shown_address(address: str) -> str:
    """Return a path or an address as messages show it: shortened, and without secrets.

    >>> shown_address("https://me:secret@host/users.csv?signature=abc")
    'https://host/users.csv'
    """
    return shortened(without_secrets(address), Length.SENTENCE)


def open_decompressed(source: str | Path | IO[bytes]) -> IO[bytes]:
    """Return a stream of bytes, decompressed if it begins as a compressed file does. Files of several parts are read whole.

    Parameters
    ----------
    source : str, Path or binary file
        A path, an address with ``://``, ``-`` for the standard input, or an open file.

    Raises
    ------
    OperationError
        If it cannot be opened, or an open file gives text.
    MissingExtraError
        If the library of an address is not installed.
    """
    stream = _open(source)
    start = _first_bytes(stream)
    compression = next((name for magic, name in COMPRESSIONS.items() if start.startswith(magic)), None)
    if compression is None and _can_seek(stream):
        stream.seek(-len(start), io.SEEK_CUR)
        return stream
    whole = Replayed(start, stream)
    if compression is None:
        return whole
    decompressed: IO[bytes] = pa.CompressedInputStream(pa.PythonFile(whole, mode="r"), compression)
    return decompressed


def _first_bytes(stream: IO[bytes]) -> bytes:
    start = b""
    while len(start) < 4:
        more: Any = stream.read(4 - len(start))
        if isinstance(more, str):
            msg = "the file is open for text: open it with mode 'rb', or pass its .buffer"
            raise OperationError(msg)
        if not more:
            break
        start += more
    return start


def _open(source: str | Path | IO[bytes]) -> IO[bytes]:
    if source == "-":
        return Borrowed(sys.stdin.buffer)
    if not isinstance(source, str | Path):
        return Borrowed(source)
    address = str(source)
    if "://" in address:
        return calling_fsspec(address, lambda fsspec: fsspec.open(address, "rb").open())  # type: ignore[no-any-return]
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise reading_error(address, error) from error


def calling_fsspec(address: str, call: Callable[[Any], Any]) -> Any:
    """Return what `call` returns for the module fsspec.

    Raises
    ------
    MissingExtraError
        If fsspec, or the library of the address's protocol, is not installed.
    OperationError
        If there is no such protocol, or the file system refuses.
    """
    with from_extra("files", f"{shown_address(address)} needs fsspec"):
        import fsspec
    try:
        return call(fsspec)
    except ImportError as error:
        what = shortened(error, Length.SENTENCE)
        msg = f"{shown_address(address)} needs the library of its protocol: {what}"
        raise MissingExtraError(msg) from error
    except MixpanelError:
        raise
    except Exception as error:  # a file system may raise anything, such as what its HTTP library raises
        if ends_the_call(error):
            raise
        failed = reading_error(address, error)
        raise failed from failed.__cause__


def reading_error(address: str, error: Exception) -> OperationError:
    """Return the error to raise where a path or an address cannot be read.

    Its cause is `error`, unless the address has secrets: the text of the cause may hold them.
    """
    what = str(getattr(error, "strerror", None) or error)
    if not isinstance(error, _EXPECTED):
        what = f"{type(error).__name__}: {what}"
    what = shortened(_without_secrets_of_addresses(what), Length.SENTENCE)
    failed = OperationError(f"cannot read {shown_address(address)}: {what}")
    failed.__cause__ = error if without_secrets(address) == address else None
    return failed


def seekable(stream: IO[bytes], make_file: Callable[[], IO[bytes]]) -> IO[bytes]:
    """Return a stream that can be read in any order, as formats with a table of contents need it; another is copied to a new file."""
    if _can_seek(stream):
        return stream
    copy = make_file()
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return copy


def _can_seek(stream: IO[bytes]) -> bool:
    return not isinstance(stream, pa.NativeFile) and stream.seekable()


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


class Borrowed(io.RawIOBase, IO[bytes]):
    """An open file of somebody else, which is not closed."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return whether the file can be read in any order."""
        return hasattr(self._stream, "seekable") and self._stream.seekable()

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()


def _utf16_without_mark(start: bytes) -> str | None:
    """Return the encoding if a file begins as ASCII text does in UTF-16.

    >>> _utf16_without_mark("id".encode("utf-16-be"))
    'utf-16-be'
    """
    zeros = bytes(byte == 0 for byte in start)
    return {b"\0\1\0\1": "utf-16-le", b"\1\0\1\0": "utf-16-be"}.get(zeros)


class Utf8(Replayed):
    """A stream of text in any encoding, as UTF-8 without a byte order mark.

    Parameters
    ----------
    stream : binary file
        In any encoding.
    name : str
        What messages call the file.
    encoding : str or None
        None: UTF-8, or UTF-16 or UTF-32 where the file begins with its mark.

    Raises
    ------
    OperationError
        If the file is not text, or looks like UTF-16 without a byte order mark.
    """

    def __init__(self, stream: IO[bytes], name: str, encoding: str | None) -> None:
        super().__init__(b"", stream)  # before what may raise: finalizing closes what is set here
        self._start = start = _first_bytes(stream)
        if start in NO_TEXT:
            msg = f"{name} is {NO_TEXT[start]}"
            raise OperationError(msg)
        if encoding is None and (unmarked := _utf16_without_mark(start)):
            msg = f'{name} looks like UTF-16 without a byte order mark: name its encoding, such as encoding="{unmarked}"'
            raise OperationError(msg)
        encoding = encoding or next((how for mark, how in MARKS.items() if start.startswith(mark)), None)
        if encoding is None or codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}:
            self._start, encoding = start.removeprefix(codecs.BOM_UTF8), None
        self._decoder = None if encoding is None else codecs.getincrementaldecoder(encoding)()
        self._name, self._encoding, self._decoded = name, encoding, b""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; fewer only at the end."""
        if self._decoder is None:
            return super().read(size)
        while size < 0 or len(self._decoded) < size:
            raw = super().read(DECODED_BYTES)
            try:
                self._decoded += self._decoder.decode(raw, final=not raw).encode()
            except UnicodeError as error:
                msg = f"{self._name} is not in {self._encoding}: {shortened(error, Length.SENTENCE)}"
                raise OperationError(msg) from error
            if not raw:
                break
        size = len(self._decoded) if size < 0 else size
        taken, self._decoded = self._decoded[:size], self._decoded[size:]
        return taken
