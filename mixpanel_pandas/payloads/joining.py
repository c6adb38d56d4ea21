"""Constants and columns of text, joined row by row."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Part", "constant", "join"]

#: What a text is joined of: constants, and parts for each row.
Part: TypeAlias = str | pa.Scalar | pa.Array


@lru_cache(10_000)  # every slice has the same, and to make one takes longer than to join it to some rows
def constant(text: str) -> pa.Scalar:
    """Return a text as Arrow has it. It is kept: no token comes here."""
    return pa.scalar(text, pa.large_string())


def join(*parts: Part, nulls: str = "emit_null") -> pa.Array:
    """Return the parts of each row joined; null where one of them is, unless `nulls` says otherwise.

    Examples
    --------
    >>> join("<", pa.array(["a", None], pa.large_string()), ">").to_pylist()
    ['<a>', None]
    """
    joined: list[pa.Array | pa.Scalar] = []
    for constants, run in groupby(parts, lambda part: isinstance(part, str)):
        if not constants:
            joined += run
        elif text := "".join(run):
            joined.append(constant(text))
    return pc.binary_join_element_wise(*joined, constant(""), null_handling=nulls)
