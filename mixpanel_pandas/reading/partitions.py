"""The partitions of a Dask frame: the cluster computes them, and this process takes them in their order.

Workers send nothing. A cluster computes a partition again whenever a worker is lost, also a worker that had finished. To compute
twice is harmless, to send twice is not.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Literals", "partitions"]

#: Partitions under way for each core of the cluster, those that wait for this process included.
_AHEAD = 2

#: Text of a list or an object, in Python or in JSON.
_BRACKETS = r"(?s)\A\s*(?:\[.*\]|\{.*\})\s*\z"

#: Where an item begins in the text that Python makes of a list or a dict of texts.
_SINGLE_QUOTE = r"[\[{(,:]\s*'"


def partitions(frame: Any) -> Iterator[pd.DataFrame]:
    """Yield the partitions of a Dask frame as pandas frames, in their order.

    The cluster of the current ``distributed.Client`` computes them, else Dask's scheduler in this process does. Each is released when
    the next one is asked for. Two for each core are under way; where partitions share work, such as a shuffle, all of them are, so
    that nothing is computed twice.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        With any number of partitions.
    """
    delayed = frame.to_delayed()
    client = _client()
    cores = sum(client.nthreads().values()) if client else 1
    ahead = len(delayed) if _share_work(delayed) else max(1, _AHEAD * cores)
    if client is None:
        import dask

        for start in range(0, len(delayed), ahead):
            yield from dask.compute(*delayed[start : start + ahead])
        return
    waiting = deque(delayed)
    pending: deque[Any] = deque(
        client.compute([waiting.popleft() for _ in range(min(ahead, len(waiting)))])
    )  # one graph
    while pending:
        yield pending.popleft().result()
        if waiting:
            pending.append(client.compute(waiting.popleft()))


def _client() -> Any:
    """Return the current client of a cluster, or None."""
    try:
        from distributed import default_client
    except ImportError:
        return None
    try:
        return default_client()
    except ValueError:  # there is none
        return None


def _share_work(delayed: Sequence[Any]) -> bool:
    """Return whether the first and the last partition have tasks in common."""
    from dask.optimization import cull

    first, last = (
        set(cull(dict(partition.__dask_graph__()), [partition.key])[0])
        for partition in (delayed[0], delayed[-1])
    )
    return len(delayed) > 1 and bool(first & last)


class Literals:
    """Columns of text of which every value is the text that Python makes of a list or a dict.

    Dask's ``convert-string`` does this to lists and objects when a frame is made from pandas. A single value does not show it, but a whole column does.
    """

    def __init__(self) -> None:
        self._examples: dict[Any, str | None] = {}
        self._plain: set[Any] = set()

    def add(self, partition: pd.DataFrame) -> None:
        """Look at the columns of text that may still be such columns."""
        for label, dtype in partition.dtypes.items():
            if label not in self._plain and isinstance(dtype, pd.StringDtype):
                self._add_column(
                    label, pa.array(partition[label], LARGE_STRING, from_pandas=True).drop_null()
                )

    def _add_column(self, label: Any, texts: pa.Array) -> None:
        if not len(texts):
            return
        if not pc.all(pc.match_substring_regex(texts, _BRACKETS)).as_py():
            self._plain.add(label)
            self._examples.pop(label, None)
        elif self._examples.get(label) is None:
            quoted_items = texts.filter(pc.match_substring_regex(texts, _SINGLE_QUOTE))
            self._examples[label] = next(filter(_is_no_json, quoted_items[:10].to_pylist()), None)

    def refuse(self) -> None:
        """Raise if there are such columns, once all partitions are known.

        Raises
        ------
        OperationError
            Names the columns, and the option of Dask.
        """
        examples = {label: text for label, text in self._examples.items() if text is not None}
        if examples:
            columns = "; ".join(
                f"column {quoted(label)} has {quoted(text)}" for label, text in examples.items()
            )
            msg = (
                f"Dask has converted lists or objects to text: {columns}. Call dask.config.set({{'dataframe.convert-string': False}}) "
                "before the Dask frame is made"
            )
            raise OperationError(msg)


def _is_no_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return True
    return False
