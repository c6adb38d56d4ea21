"""Memory that goes back to the system between slices: pages of mapped files that were read, and Arrow's spare memory."""

from __future__ import annotations

import mmap
import weakref

import pyarrow as pa

__all__ = ["give_back", "has_mapped", "keep_mapped"]

#: Mapped files that frames read. Pages of them that were read count as memory of the process, though they can be read again.
_MAPPED: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def keep_mapped(mapped: mmap.mmap) -> None:
    """Remember a mapped file, so that `give_back` gives its pages back as long as somebody uses it."""
    _MAPPED.add(mapped)


def has_mapped() -> bool:
    """Return whether any mapped file is in use."""
    return bool(_MAPPED)


def give_back() -> None:
    """Give memory back that is not needed now, if any mapped file is in use; frames in memory keep what Arrow has at hand."""
    if not has_mapped():
        return
    pa.default_memory_pool().release_unused()
    if hasattr(mmap, "MADV_DONTNEED"):  # Windows has none
        for mapped in list(_MAPPED):
            if not mapped.closed:
                mapped.madvise(mmap.MADV_DONTNEED)
