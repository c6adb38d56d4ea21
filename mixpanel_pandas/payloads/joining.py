"""Constants and columns of text, joined row by row.

What texts are made of is said first (`Later`) and made at once (`made`): Arrow then writes casts and joins of a whole slice
in one go. Each step by itself would give the interpreter up and wait for it, while other threads have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NEAR", "Later", "Part", "constant", "join", "made"]


@dataclass(frozen=True)
class Later:
    """What a compute function makes of its arguments, when it is asked for.

    Attributes
    ----------
    function : callable
        Expressions -> expression.
    arguments : tuple
        Arrays of one length, scalars, constants that are expressions already, and others of these; at least one array.
    """

    function: Callable[..., pc.Expression]
    arguments: tuple[pa.Array | pa.Scalar | pc.Expression | Later, ...] = field(repr=False)


#: Where there are more than twice as many parts, so many are joined at a time: those of one row lie far from each other in memory,
#: and no more of them are at hand while row follows row.
NEAR = 48

#: What a text is joined of: constants, and parts for each row.
Part: TypeAlias = "str | pa.Scalar | pa.Array | Later"


def constant(text: str) -> pa.Scalar:
    """Return a text as Arrow has it."""
    return pa.scalar(text, pa.large_string())


def _literal(text: str) -> pc.Expression:
    """Return a text as an expression."""
    return pc.scalar(constant(text))


def join(*parts: Part, nulls: str = "emit_null") -> pa.Array:
    """Return the parts of each row joined; null where one of them is, unless `nulls` says otherwise.

    Examples
    --------
    >>> join("<", pa.array(["a", None], pa.large_string()), ">").to_pylist()
    ['<a>', None]
    """
    arguments: list[pa.Array | pa.Scalar | pc.Expression | Later] = []
    for constants, run in groupby(parts, lambda part: isinstance(part, str)):
        if not constants:
            arguments += run
        elif text := "".join(map(str, run)):
            arguments.append(_literal(text))
    joined = partial(pc.binary_join_element_wise, null_handling=nulls)
    if len(arguments) > 2 * NEAR:
        begins = range(0, len(arguments), NEAR)
        arguments = [Later(joined, (*arguments[begin : begin + NEAR], _literal(""))) for begin in begins]
    return made(Later(joined, (*arguments, _literal(""))))


def made(part: pa.Array | Later) -> pa.Array:
    """Return what was put off; an array is made already."""
    if not isinstance(part, Later):
        return part
    from pyarrow import acero

    columns: list[pa.Array] = []
    wanted = _expression(part, columns)
    table = pa.Table.from_arrays(columns, list(map(str, range(len(columns)))))
    steps = [
        acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
        acero.Declaration("project", acero.ProjectNodeOptions([wanted], ["made"])),
    ]
    found = acero.Declaration.from_sequence(steps).to_table(use_threads=False).column(0)
    return found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()


def _expression(argument: Any, columns: list[pa.Array]) -> pc.Expression:
    """Return an argument of `Later`, or all of it, as an expression; its arrays are added to the columns that it looks at."""
    if isinstance(argument, pc.Expression):
        return argument
    if isinstance(argument, pa.Scalar):
        return pc.scalar(argument)
    if isinstance(argument, Later):
        return argument.function(*[_expression(inner, columns) for inner in argument.arguments])
    columns.append(argument)
    return pc.field(len(columns) - 1)
