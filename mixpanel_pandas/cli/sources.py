"""The table of a call that is looked at, read as an upload reads it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mixpanel_pandas.cli.jobs import Call
    from mixpanel_pandas.reading.frame import SourceTable

__all__ = ["options_of_reading", "read_source", "source_of"]


def source_of(call: Call) -> str | list[str]:
    """Return the source of a call: one name, or a list of several."""
    return call.sources if len(call.sources) > 1 else call.sources[0]


def options_of_reading(call: Call) -> dict[str, Any]:
    """Return the options that say how the table is read, but for those that the verb takes as well."""
    from mixpanel_pandas.reading.frame import READING_OPTIONS

    return call.of(READING_OPTIONS)


def read_source(call: Call, options: Mapping[str, Any]) -> SourceTable:
    """Return the table that a call names, with the types that an upload would send.

    Parameters
    ----------
    options : mapping
        The options of the verb.

    Raises
    ------
    OperationError
        If it cannot be read.
    ValidationError
        If records are malformed.
    """
    from mixpanel_pandas.pipeline import columns_of_text, log_read
    from mixpanel_pandas.reading.frame import invalid_records, read_table
    from mixpanel_pandas.reading.malformed import Malformed
    from mixpanel_pandas.rules.operation import operation

    asked = operation(call.verb, call["id"], call["property"], call["group"], options)
    malformed = Malformed()
    began = time.perf_counter()
    table = read_table(
        source_of(call),
        malformed,
        id=asked.id,
        group=asked.group,
        na=asked.options.na or (),
        trim=asked.options.trim,
        as_text=columns_of_text(asked),
        **options_of_reading(call),
    )
    if malformed.count:
        raise invalid_records(table, malformed)
    log_read(table, time.perf_counter() - began)
    return table
