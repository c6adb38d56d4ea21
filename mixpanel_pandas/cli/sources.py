"""The table of a call that is looked at, read as an upload reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mixpanel_pandas.cli.jobs import Call
    from mixpanel_pandas.reading.frame import SourceTable
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["options_of_reading", "read_source", "source_of"]


def source_of(call: Call) -> str | list[str]:
    """Return the source of a call: one name, or a list of several."""
    return call.sources if len(call.sources) > 1 else call.sources[0]


def options_of_reading(call: Call) -> dict[str, Any]:
    """Return the options that say how the table is read, except for those that the verb takes as well."""
    from mixpanel_pandas.reading.frame import READING_OPTIONS

    return call.of(READING_OPTIONS)


def read_source(call: Call, options: Mapping[str, Any]) -> tuple[SourceTable, Operation]:
    """Return the table that a call names, as an upload reads it, and the operation on it.

    Parameters
    ----------
    options : mapping
        The options of the verb.

    Raises
    ------
    OperationError
        If it cannot be read.
    ValidationError
        If records are malformed, and the option `invalid` does not leave them out.
    """
    from mixpanel_pandas.pipeline.upload import read_for, take_malformed_remedy
    from mixpanel_pandas.rules.operation import operation

    of_verb = dict(options)
    remedy = take_malformed_remedy(of_verb)
    asked = operation(call.verb, call["id"], call["property"], call["group"], of_verb)
    of_reading, mirror = options_of_reading(call), bool(call["mirror"])
    table, asked, _left_out = read_for(asked, source_of(call), of_reading, remedy, mirror=mirror)
    return table, asked
