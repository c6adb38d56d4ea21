"""What must not stand in a saved notebook: ids, and the values that name a person or reach one.

Masked text keeps two characters, so that a person who knows the frame still recognises a row: ``lu***@e***``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from mixpanel_pandas.rules.limits import LOOKALIKES, plain

__all__ = ["is_private", "masked", "masked_record"]

#: Properties whose values name a person or reach one; what looks like them counts, too.
PRIVATE = {"$email", "$phone", "$name", "$first_name", "$last_name"}

#: Plain forms of other names whose values do; Mixpanel has no property for them.
REACHING = {"fax", "faxnumber", "telefax", "address", "postaladdress", "streetaddress", "street"}

#: Fields of a record that hold an id, or an address.
PRIVATE_FIELDS = {"$distinct_id", "$group_id", "$ip"}

#: What stands for the rest of a masked text, and how many characters stay before it.
REST, KEPT = "***", 2


def is_private(name: Hashable) -> bool:
    """Return whether a column or property of that name holds what names or reaches a person.

    >>> [is_private(name) for name in ("$email", "E-Mail", "First Name", "Fax", "plan")]
    [True, True, True, True, False]
    """
    return name in PRIVATE or LOOKALIKES.get(plain(name)) in PRIVATE or plain(name) in REACHING


def masked(value: Any) -> Any:
    """Return a value of which only the beginning can be read; what is missing stays missing.

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
    return f"{_beginning(user)}@{host[:1]}{REST}" if at else _beginning(text)


def _beginning(text: str) -> str:
    return f"{text[:KEPT]}{REST}" if len(text) > KEPT else REST


def masked_record(record: Any) -> Any:
    """Return an update, or a part of one, with all that is private masked.

    >>> masked_record({"$distinct_id": "ann17", "$set": {"$email": "ann@example.com", "plan": "pro"}})
    {'$distinct_id': 'an***', '$set': {'$email': 'an***@e***', 'plan': 'pro'}}
    """
    if isinstance(record, Mapping):
        return {name: _masked_member(name, value) for name, value in record.items()}
    return [masked_record(item) for item in record] if isinstance(record, list) else record


def _masked_member(name: str, value: Any) -> Any:
    if name == "$ip" and value == "0":  # no address
        return value
    return masked(value) if name in PRIVATE_FIELDS or is_private(name) else masked_record(value)
