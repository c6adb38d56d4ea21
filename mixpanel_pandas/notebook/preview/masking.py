"""Masks for ids and for values that name or reach a person, which do not belong in a saved notebook.

Masked text keeps two characters, so that somebody who knows the frame still recognises a row: ``lu***@e***``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from mixpanel_pandas.rules.limits import LOOKALIKES, plain

__all__ = ["is_private", "masked", "masked_record"]

#: Properties whose values name or reach a person. Names that look like them are private as well.
PRIVATE = {"$email", "$phone", "$name", "$first_name", "$last_name"}

#: Plain forms of other private names, for which Mixpanel has no property.
PRIVATE_NAMES = {"fax", "faxnumber", "telefax", "address", "postaladdress", "streetaddress", "street"}

#: Fields of an update that hold an id, or tell where somebody is.
PRIVATE_FIELDS = {"$distinct_id", "$group_id", "$ip", "$latitude", "$longitude"}

#: A masked text keeps this many characters, and this stands for the others.
KEPT, MASK = 2, "***"


def is_private(name: Hashable) -> bool:
    """Return whether a column or property of that name holds values that name or reach a person.

    >>> [is_private(name) for name in ("$email", "E-Mail", "First Name", "Fax", "plan")]
    [True, True, True, True, False]
    """
    return name in PRIVATE or LOOKALIKES.get(plain(name)) in PRIVATE or plain(name) in PRIVATE_NAMES


def masked(value: Any) -> Any:
    """Return a value of which only the beginning can be read. A missing value stays missing.

    >>> masked("luisg@embraer.com.br"), masked("+55 12 3923"), masked("Lu"), masked(["Ann", None]), masked(17)
    ('lu***@e***', '+5***', '***', ['An***', None], '***')
    """
    if isinstance(value, Mapping):
        return {name: masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [masked(item) for item in value]
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return value
    text = str(value) if isinstance(value, str) else ""
    user, at, host = text.rpartition("@")
    return f"{_beginning(user)}@{host[:1]}{MASK}" if at else _beginning(text)


def _beginning(text: str) -> str:
    return f"{text[:KEPT]}{MASK}" if len(text) > KEPT else MASK


def masked_record(record: Any) -> Any:
    """Return an update, or a part of one, with its private values masked.

    >>> masked_record({"$distinct_id": "ann17", "$set": {"$email": "ann@example.com", "plan": "pro"}})
    {'$distinct_id': 'an***', '$set': {'$email': 'an***@e***', 'plan': 'pro'}}
    """
    if isinstance(record, Mapping):
        return {name: _masked_member(name, value) for name, value in record.items()}
    return [masked_record(item) for item in record] if isinstance(record, list) else record


def _masked_member(name: str, value: Any) -> Any:
    if name == "$ip" and value == "0":  # means that there is no address
        return value
    return masked(value) if name in PRIVATE_FIELDS or is_private(name) else masked_record(value)
