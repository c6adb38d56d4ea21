"""Memory that is given back between slices: Arrow's spare memory, and pages of mapped files that were read."""

from __future__ import annotations

import mmap
import weakref

import pyarrow as pa

__all__ = ["give_back", "keep_mapped"]

#: Files that are mapped. Their pages count as memory of the process until they are given back; they can be read again.
_MAPPED: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def keep_mapped(mapped: mmap.mmap) -> None:
    """Remember a mapped file, so that `give_back` gives its pages back."""
    _MAPPED.add(mapped)


def give_back() -> None:
    """Give memory back to the system that nobody needs now."""
    pa.default_memory_pool().release_unused()
    if hasattr(mmap, "MADV_DONTNEED"):  # Windows has none
        for mapped in list(_MAPPED):
            if not mapped.closed:
                mapped.madvise(mmap.MADV_DONTNEED)
