"""The summary: made from deliveries, converted to an outcome for each row, and added up."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.delivery.pending import compact, position_array, rows_at
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.errors import OperationError, SummaryError, choices
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.rules.outcomes import OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mixpanel_pandas.delivery.pending import Delivery, Positions

__all__ = [
    "COLUMNS",
    "failures_mask",
    "outcomes",
    "summarise",
    "totals",
    "unlisted_runs",
]

#: Columns of the summary -> dtype. "text" is the dtype of strings in this version of pandas. The most important columns stand
#: first and last, because pandas omits the middle if a frame is wider than the screen.
COLUMNS: dict[str, str] = {
    "batch": "Int64",
    "outcome": "outcome",
    "rows": "int64",
    **dict.fromkeys(OUTCOMES, "int64"),
    "operator": "text",
    "start": "int64",
    "stop": "int64",
    "positions": "object",
    "position_outcomes": "object",
    "reasons": "object",
    "error": "text",
    "started": "datetime64[us, UTC]",
    "updates": "int64",
    "bytes": "int64",
    "requests": "int64",
    "attempts": "int64",
    "elapsed": "float64",
    "status_code": "Int64",
    "reason": "text",
}

_OUTCOME = pd.CategoricalDtype(list(OUTCOMES))
#: Outcomes from good to bad. A row of the summary has the worst outcome of its rows of the frame.
_GRAVITY: tuple[Outcome, ...] = ("accepted", "skipped", "invalid", "not_sent", "rejected", "unknown")
#: Outcomes of retryable rows, which are to be sent again, perhaps corrected. Unknown is one if all operators are idempotent.
_FAILURES: tuple[Outcome, ...] = ("rejected", "not_sent", "invalid")


def summarise(
    deliveries: Iterable[Delivery],
    excluded: Iterable[Excluded] = (),
    *,
    operator: str,
    rows: int,
    digest: str,
    idempotent: bool,
    stopped: Stop | None = None,
) -> pd.DataFrame:
    """Return the summary, with the outcomes of all rows. Rows with the same final answer share a row of it.

    Parameters
    ----------
    deliveries : iterable of Delivery
        Final answers.
    excluded : iterable of Excluded
        Rows that were not sent, with the reason.
    operator : str
        The verb of the upload.
    rows : int
        Rows of the frame. Rows in neither a delivery nor `excluded` were not reached, and are ``not_sent``.
    digest : str
        Digest of the ids.
    idempotent : bool
        Whether all operators are idempotent.
    stopped : Stop, optional
        Why rows were not reached.
    """
    runs = [_delivered(delivery) for delivery in deliveries]
    runs += [_not_delivered(several) for several in excluded if len(several.positions)]
    reached = np.zeros(rows, bool)
    for run in runs:
        reached[rows_at(run["_positions"])] = True
    if not reached.all():
        why = stopped or _NOT_REACHED
        runs.append(_not_delivered(Excluded(np.flatnonzero(~reached), "not_sent", why.reason, why.error)))
    runs.sort(key=lambda run: (run["start"], run["stop"]))
    unlisted = unlisted_runs(runs)
    runs = [run | _listing(run, all_rows=number not in unlisted) for number, run in enumerate(runs)]
    frame = pd.DataFrame(
        {
            name: pd.Series([operator if name == "operator" else run.get(name) for run in runs], dtype=dtype)
            for name, dtype in _dtypes().items()
        }
    )
    frame.attrs["mixpanel"] = {
        "operator": operator,
        "rows": str(rows),
        "ids": digest,
        "idempotent": str(idempotent).lower(),
    }
    return frame


_NOT_REACHED = Stop("not reached", "the upload ended before these rows were sent: send the failures again")


def _delivered(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as a row of the summary."""
    kinds = {(delivery.outcome, delivery.error): 0}
    codes = np.zeros(len(delivery.positions), np.int64)
    for row, kind in delivery.apart.items():  # the rows that an answer named
        codes[row] = kinds.setdefault(kind, len(kinds))
    return _run(delivery.positions, list(kinds), codes if delivery.apart else None) | {
        "batch": delivery.batch,
        "updates": delivery.updates,
        "bytes": delivery.bytes,
        "status_code": delivery.status_code,
        "requests": delivery.requests,
        "attempts": delivery.attempts,
        "started": None if delivery.started is None else int(delivery.started * 1e6),
        "elapsed": delivery.elapsed,
        "reason": delivery.reason,
    }


def _not_delivered(excluded: Excluded) -> dict[str, Any]:
    """Return rows that were not sent, for one reason, as a row of the summary."""
    none = dict.fromkeys(("updates", "bytes", "requests", "attempts", "elapsed"), 0)
    run = _run(excluded.positions, [(excluded.outcome, excluded.error)])
    return run | none | {"reason": excluded.reason}


def _run(
    positions: Positions,
    kinds: Sequence[tuple[Outcome, str | None]],
    codes: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the columns of a row of the summary that tell about its rows of the frame.

    Parameters
    ----------
    positions : range, RowSet or numpy.ndarray
        Positions of the rows.
    kinds : sequence of (str, str or None)
        Outcomes and errors.
    codes : numpy.ndarray, optional
        For each row an index into `kinds`. By default all rows are of the first kind.
    """
    positions, rows = compact(positions), len(positions)
    worst, sizes = 0, [rows]
    if codes is not None:
        gravity = np.array([_GRAVITY.index(outcome) for outcome, _error in kinds])
        worst = int(codes[np.argmax(gravity[codes])])
        sizes = np.bincount(codes, minlength=len(kinds)).tolist()
    counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    for (outcome, _error), count in zip(kinds, sizes, strict=True):
        counts[outcome] += count
    return {
        "_positions": positions,
        "_kinds": kinds,
        "_codes": codes,
        "_worst": worst,
        "start": positions.start,
        "stop": positions.stop,
        "rows": rows,
        "outcome": kinds[worst][0],
        **counts,
        "error": kinds[worst][1],
    }


def unlisted_runs(runs: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the numbers of the runs that need not list their rows.

    A row that no run lists belongs to the run between whose start and stop it stands. So no two of these runs may overlap. Of all
    such choices this is one that leaves the most rows unlisted.

    Parameters
    ----------
    runs : sequence of mapping
        With start, stop and rows.

    Examples
    --------
    >>> scattered = {"start": 0, "stop": 9, "rows": 2}
    >>> batches = [{"start": 0, "stop": 4, "rows": 3}, {"start": 4, "stop": 9, "rows": 4}]
    >>> sorted(unlisted_runs([scattered, *batches]))
    [1, 2]
    """
    order = sorted(range(len(runs)), key=lambda number: runs[number]["stop"])
    stops = [runs[number]["stop"] for number in order]
    before = [bisect_right(stops, runs[number]["start"], hi=place) for place, number in enumerate(order)]
    most = [0]  # per number of runs, from the front: the most rows that they can leave unlisted
    for place, number in enumerate(order):
        most.append(max(most[place], most[before[place]] + runs[number]["rows"]))
    chosen, place = set(), len(order)
    while place:
        taken = most[place] > most[place - 1]
        if taken:
            chosen.add(order[place - 1])
        place = before[place - 1] if taken else place - 1
    return chosen


def _listing(run: Mapping[str, Any], *, all_rows: bool) -> dict[str, Any]:
    """Return the columns of a row of the summary that list rows of the frame: all of its rows, or those that differ.

    Parameters
    ----------
    run : mapping
        As `_run` returns it.
    """
    kinds, codes = run["_kinds"], run["_codes"]
    differ = np.zeros(0, np.int64) if codes is None else np.flatnonzero(codes != run["_worst"])
    listed = slice(None) if all_rows else differ
    if not all_rows and not differ.size:
        return {}
    places = position_array(run["_positions"])[listed]
    if not differ.size:
        return {"positions": places}
    kinds_listed = [kinds[code] for code in codes[listed]]
    return {
        "positions": places,
        "position_outcomes": [outcome for outcome, _error in kinds_listed],
        "reasons": [error for _outcome, error in kinds_listed],
    }


def _dtypes() -> dict[str, Any]:
    text = pd.Series(["text"]).dtype  # object or str, depending on pandas and its options
    named = {"text": text, "outcome": _OUTCOME}
    return {name: named.get(dtype, dtype) for name, dtype in COLUMNS.items()}


def totals(summary: pd.DataFrame) -> pd.DataFrame:
    """Return rows and updates by outcome, reason and status code.

    Parameters
    ----------
    summary : pandas.DataFrame
        As a verb returned it.

    Returns
    -------
    pandas.DataFrame
        Columns outcome, reason, status_code, rows, updates. Accepted rows have no reason. If rows of one request have
        different outcomes, its updates are divided in proportion to the rows.

    Raises
    ------
    SummaryError
        If the frame is not a summary.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann", "bob", None], "plan": ["pro", "free", "pro"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = df.mixpanel.set("user_id", invalid="drop_row")
    >>> mpd.totals(summary)[["outcome", "rows", "updates"]]
        outcome  rows  updates
    0  accepted     2        2
    1   invalid     1        0
    """
    if not set(COLUMNS) <= set(getattr(summary, "columns", ())):
        msg = "this is not a summary: totals takes the summary that a verb returned, with all its columns"
        raise SummaryError(msg)
    keys = ["outcome", "reason", "status_code"]
    counts = summary[list(OUTCOMES)].to_numpy()
    before = np.cumsum(counts, axis=1)
    rows, updates = summary["rows"].to_numpy(), summary["updates"].to_numpy()
    upto = np.round(before * (updates / np.maximum(rows, 1))[:, None]).astype(np.int64)
    shares = np.diff(upto, axis=1, prepend=0)
    run, outcome = np.nonzero(counts)
    taken = summary[["reason", "status_code"]].take(run).reset_index(drop=True)
    taken.loc[outcome == OUTCOMES.index("accepted"), "reason"] = None
    frame = taken.assign(
        outcome=pd.Categorical.from_codes(outcome.tolist(), dtype=_OUTCOME),
        rows=counts[run, outcome],
        updates=shares[run, outcome],
    )
    grouped = frame.groupby(keys, dropna=False, observed=True, sort=False)[["rows", "updates"]].sum()
    return grouped.reset_index().sort_values(["outcome", "rows"], ascending=[True, False], ignore_index=True)


def outcomes(summary: pd.DataFrame, index: pd.Index, digest: str) -> pd.DataFrame:
    """Return the outcome of each row of the frame.

    Parameters
    ----------
    summary : pandas.DataFrame
        As a verb returned it, or read from Parquet.
    index : pandas.Index
        Of the frame.
    digest : str
        Digest of the frame's ids.

    Returns
    -------
    pandas.DataFrame
        On `index`: outcome (categorical), status_code, attempts (Int64), error (missing for accepted rows).

    Raises
    ------
    SummaryError
        If the summary was made from another frame.
    """
    _check(summary, len(index), digest)
    kind_of_row = np.zeros(len(index), np.int32)
    kinds: list[tuple[int, Outcome, str | None]] = []
    for rows, run, outcome, error in _pieces(summary):
        kind_of_row[rows] = len(kinds)
        kinds.append((run, outcome, error))
    table = pd.DataFrame(kinds, columns=["run", "outcome", "error"])
    codes = pd.Categorical(table["outcome"], dtype=_OUTCOME).codes
    runs = table["run"].to_numpy(np.int64)
    columns = {name: summary[name].astype("Int64").array.take(runs) for name in ("status_code", "attempts")}
    columns["error"] = pd.Series(table["error"].to_numpy(object), dtype=_dtypes()["error"]).array
    return pd.DataFrame(
        {
            "outcome": pd.Categorical.from_codes(codes[kind_of_row], dtype=_OUTCOME),
            **{name: column.take(kind_of_row) for name, column in columns.items()},
        },
        index=index,
        copy=False,
    )


def _pieces(summary: pd.DataFrame) -> Iterator[tuple[slice | np.ndarray, int, Outcome, str | None]]:
    """Yield rows of the frame, the number of their run, their outcome and their error. Later pieces replace earlier ones.

    A summary that an earlier version made lists all rows of each run that has holes; it is read in the same way.
    """
    names = ["start", "stop", "rows", "outcome", "error", "positions", "position_outcomes", "reasons"]
    runs = list(zip(*(summary[name] for name in names), strict=True))
    has_list, has_outcomes = (summary[name].notna().to_numpy() for name in ("positions", "position_outcomes"))
    for number, (start, stop, rows, outcome, error, positions, *_) in enumerate(runs):
        if not has_list[number] or len(positions) < rows:
            yield slice(start, stop), number, outcome, error
    for number in np.flatnonzero(has_list).tolist():
        *_, outcome, error, positions, outcomes, reasons = runs[number]
        positions = np.asarray(positions, np.int64)
        if not has_outcomes[number]:
            yield positions, number, outcome, error
            continue
        places: dict[tuple[Outcome, str | None], list[int]] = {}
        for place, kind in enumerate(zip(outcomes, reasons, strict=True)):  # rows that an answer named
            places.setdefault(kind, []).append(place)
        for (outcome_of_rows, error_of_rows), of_kind in places.items():
            yield positions[of_kind], number, outcome_of_rows, error_of_rows


def _check(summary: pd.DataFrame, rows: int, digest: str) -> None:
    """Refuse a summary of another frame."""
    made_of = getattr(summary, "attrs", {}).get("mixpanel")
    if not isinstance(made_of, dict) or not {"rows", "ids"} <= set(made_of):
        msg = "this is not a summary, or it has lost its attrs['mixpanel']: save summaries as Parquet, not as CSV"
        raise SummaryError(msg)
    if made_of["rows"] != str(rows):
        msg = f"the summary was made from a frame of {int(made_of['rows']):,} rows, this one has {rows:,}"
        raise SummaryError(msg)
    if made_of["ids"] != digest:
        msg = "the summary was made from a frame with other ids, or with the same ids in another order"
        raise SummaryError(msg)
    if (accounted := int(summary["rows"].sum())) != rows:
        msg = f"the summary accounts for {accounted:,} of {rows:,} rows: rows of the summary were removed or added"
        raise SummaryError(msg)


def failures_mask(
    summary: pd.DataFrame, index: pd.Index, digest: str, select: Iterable[str] | None = None
) -> np.ndarray:
    """Return the mask of the retryable rows of the frame.

    Parameters
    ----------
    summary, index, digest
        As `outcomes` takes them.
    select : iterable of str, optional
        Which outcomes to select. By default rejected, not_sent, invalid, and unknown if all operators are idempotent.

    Raises
    ------
    SummaryError
        If the summary was made from another frame.
    OperationError
        If an outcome is not known.
    """
    _check(summary, len(index), digest)
    idempotent = summary.attrs["mixpanel"].get("idempotent") == "true"
    default: Sequence[str] = (*_FAILURES, "unknown") if idempotent else _FAILURES
    chosen = default if select is None else [select] if isinstance(select, str) else list(select)
    if unknown := [name for name in chosen if name not in OUTCOMES]:
        msg = f"outcomes {choices(unknown)} are not known: choose from {choices(OUTCOMES)}"
        raise OperationError(msg)
    mask = np.zeros(len(index), bool)
    for rows, _run, outcome, _error in _pieces(summary):
        mask[rows] = outcome in chosen
    return mask
