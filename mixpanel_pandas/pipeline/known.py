"""The first step of a call with `known`: the properties that Mixpanel has are read, or asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mixpanel_pandas.checking.known import known_properties
from mixpanel_pandas.errors import AccountError
from mixpanel_pandas.rules.known import KnownProperties

if TYPE_CHECKING:
    import pandas as pd

    from mixpanel_pandas.rules.operation import Operation

__all__ = ["with_known_properties"]


def with_known_properties(operation: Operation) -> Operation:
    """Return an operation whose option `known` holds the properties that Mixpanel has. They are read or asked for once.

    Raises
    ------
    MixpanelError
        If they cannot be read; with ``known=True`` as `read_properties` raises it.
    """
    known = operation.options.known
    if isinstance(known, KnownProperties):
        if known.group == operation.group:
            return operation
        known = known.source
    if known is None:
        return operation
    properties = _properties_in_mixpanel(operation) if known is True else known
    of_group = known_properties(properties, known, operation.group)
    return replace(operation, named={**operation.named, "known": of_group})


def _properties_in_mixpanel(operation: Operation) -> pd.DataFrame:
    """Return the properties of the profiles that an operation writes to. It is one query."""
    from mixpanel_pandas.profiles.properties import read_properties  # a call that asks nothing does without

    try:
        return read_properties(operation.group, project=operation.options.project)
    except AccountError as error:
        msg = f"known=True asks Mixpanel: {error}"
        raise AccountError(msg) from error
