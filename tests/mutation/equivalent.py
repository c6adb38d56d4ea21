"""Mutants that no test can tell from the code, each with the reason."""

from __future__ import annotations

#: Module, its lines before and after as a report shows them (joined, without outer blanks) -> why nobody can tell.
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "mixpanel_pandas/delivery/journal/writer.py",
        "waits: bool = True",
        "waits: bool = False",
    ): "work waits for its turn anyhow: this shortens the wait for company by ten milliseconds",
    (
        "mixpanel_pandas/delivery/journal/writer.py",
        "waiting = [job for job in self._jobs if job.waits]",
        "waiting = [job for job in self._jobs if (not job.waits)]",
    ): "a crowd is written at once rather than two milliseconds later",
    (
        "mixpanel_pandas/delivery/journal/writer.py",
        "return len(waiting) >= CROWD or any(job.work is not None for job in waiting)",
        "return len(waiting) >= CROWD or any((job.work is None) for job in waiting)",
    ): "a crowd is written at once rather than two milliseconds later",
    (
        "mixpanel_pandas/delivery/journal/writer.py",
        "self._turn.wait_for(lambda: self._closing or self._is_crowded(), GATHER)",
        "self._turn.wait_for(lambda: (self._closing and self._is_crowded()), GATHER)",
    ): "a crowd is written at once rather than two milliseconds later",
    (
        "mixpanel_pandas/delivery/journal/journal.py",
        'yield noted("run", number, 0, begun)',
        'yield noted("run", number, 1, begun)',
    ): "nobody reads the session of the record that begins a run",
    (
        "mixpanel_pandas/delivery/history.py",
        "repeat: bool = False,",
        "repeat: bool = True,",
    ): "every call names it",
    (
        "mixpanel_pandas/delivery/journal/journal.py",
        'number = 1 + max((record.run for record in file.records(None, "run")), default=0)',
        'number = 2 + max((record.run for record in file.records(None, "run")), default=0)',
    ): "numbers of runs only tell them apart, and only grow",
    (
        "mixpanel_pandas/delivery/redaction.py",
        "return chr(number) if number <= sys.maxunicode else mark[0]",
        "return chr(number) if (number < sys.maxunicode) else mark[0]",
    ): "neither the last of all characters nor its mark is part of a readable text",
    (
        "mixpanel_pandas/delivery/upload.py",
        "def _carry_out(self, number: int, actions: list[Action], wakes: int = 0) -> Event | None:",
        "def _carry_out(self, number: int, actions: list[Action], wakes: int = -1) -> Event | None:",
    ): "only workers rest, and they name it",
    (
        "mixpanel_pandas/delivery/upload.py",
        "def _carry_out(self, number: int, actions: list[Action], wakes: int = 0) -> Event | None:",
        "def _carry_out(self, number: int, actions: list[Action], wakes: int = 1) -> Event | None:",
    ): "only workers rest, and they name it",
    (
        "mixpanel_pandas/checking/scan.py",
        "return prefetch(scan, places, threaded=layout.threaded and len(spans) > 1)",
        "return prefetch(scan, places, threaded=layout.threaded and (len(spans) >= 1))",
    ): "only how many threads scan a small frame",
    (
        "mixpanel_pandas/checking/scan.py",
        "return prefetch(scan, places, threaded=layout.threaded and len(spans) > 1)",
        "return prefetch(scan, places, threaded=layout.threaded and len(spans) > 2)",
    ): "only how many threads scan a small frame",
    (
        "mixpanel_pandas/checking/scan.py",
        "return prefetch(scan, places, threaded=layout.threaded and len(spans) > 1)",
        "return prefetch(scan, places, threaded=layout.threaded and len(spans) > 0)",
    ): "only how many threads scan a small frame",
    (
        "mixpanel_pandas/checking/schema.py",
        "ignore_na=False,",
        "ignore_na=True,",
    ): "the check looks at the frame by itself; pandera takes nothing out before",
    (
        "mixpanel_pandas/delivery/history.py",
        "KEPT_SLICES = 2",
        "KEPT_SLICES = 3",
    ): "a slice more or less is encoded twice, or kept",
    (
        "mixpanel_pandas/delivery/history.py",
        "KEPT_SLICES = 2",
        "KEPT_SLICES = 1",
    ): "a slice more or less is encoded twice, or kept",
    (
        "mixpanel_pandas/delivery/history.py",
        "MOST_UPLOADS = 100_000",
        "MOST_UPLOADS = 99999",
    ): "a round number of many; tests fill smaller histories",
    (
        "mixpanel_pandas/delivery/history.py",
        "MOST_UPLOADS = 100_000",
        "MOST_UPLOADS = 100001",
    ): "a round number of many; tests fill smaller histories",
    (
        "mixpanel_pandas/delivery/pending.py",
        "return dict(zip(ids, batch.rows_of_records().tolist(), strict=True))",
        "return dict(zip(ids, batch.rows_of_records().tolist(), strict=False))",
    ): "a batch has as many records as updates",
    (
        "mixpanel_pandas/delivery/waves.py",
        "SLICES_PER_WAVE = 1 << 40",
        "SLICES_PER_WAVE = 1 << 39",
    ): "no wave has nearly as many slices",
    (
        "mixpanel_pandas/delivery/waves.py",
        "SLICES_PER_WAVE = 1 << 40",
        "SLICES_PER_WAVE = 1 << 41",
    ): "no wave has nearly as many slices",
    (
        "mixpanel_pandas/delivery/waves.py",
        "SLICES_PER_WAVE = 1 << 40",
        "SLICES_PER_WAVE = 2 << 40",
    ): "no wave has nearly as many slices",
    (
        "mixpanel_pandas/payloads/arrays.py",
        "return np.asarray(mask.fill_null(False) if mask.null_count else mask, dtype=bool)",
        "return np.asarray(mask.fill_null(False) if (not mask.null_count) else mask, dtype=bool)",
    ): "numpy takes a missing value for False as well, only slowly",
    (
        "mixpanel_pandas/payloads/measures.py",
        "marks = (self.depth == 1) & ((self.chars == COMMA) | (self.chars == OPEN_LIST))",
        "marks = ((self.depth == 1) | ((self.chars == COMMA) | (self.chars == OPEN_LIST)))",
    ): "what lies deeper is in a list or an object, which is the finding itself",
    (
        "mixpanel_pandas/payloads/measures.py",
        "return longest_value(lists) > _LIST_BYTES",
        "return (longest_value(lists) >= _LIST_BYTES)",
    ): "lists that may be large are measured exactly afterwards",
    (
        "mixpanel_pandas/payloads/normalise.py",
        "doubles = np.asarray(decimals.cast(pa.float64()).fill_null(0))",
        "doubles = np.asarray(decimals.cast(pa.float64()).fill_null(1))",
    ): "any small number is exact",
    (
        "mixpanel_pandas/payloads/normalise.py",
        "doubles = np.asarray(decimals.cast(pa.float64()).fill_null(0))",
        "doubles = np.asarray(decimals.cast(pa.float64()).fill_null(-1))",
    ): "any small number is exact",
    (
        "mixpanel_pandas/payloads/slice_sizes.py",
        "return max(0.0, source.values.nbytes / max(1, len(source.values)) - OFFSET_BYTES) + 2",
        "return max(0.0, source.values.nbytes / max(1, len(source.values)) - OFFSET_BYTES) + 3",
    ): "an estimate, to a byte",
    (
        "mixpanel_pandas/payloads/slice_sizes.py",
        "return max(0.0, source.values.nbytes / max(1, len(source.values)) - OFFSET_BYTES) + 2",
        "return max(0.0, source.values.nbytes / max(1, len(source.values)) - OFFSET_BYTES) + 1",
    ): "an estimate, to a byte",
    (
        "mixpanel_pandas/payloads/values.py",
        "if kind is str or kind is bool or (kind is float and math.isfinite(value)):",
        "if (kind is str and kind is bool and (kind is float and math.isfinite(value))):",
    ): "the slow way gives these values back as well",
    (
        "mixpanel_pandas/payloads/sources.py",
        "return isinstance(rows, slice) and rows == slice(0, len(self.values))",
        "return isinstance(rows, slice) and rows == slice(1, len(self.values))",
    ): "a slice of all rows is all rows, only slower to cut",
    (
        "mixpanel_pandas/payloads/sources.py",
        "return isinstance(rows, slice) and rows == slice(0, len(self.values))",
        "return isinstance(rows, slice) and rows == slice(-1, len(self.values))",
    ): "a slice of all rows is all rows, only slower to cut",
    (
        "mixpanel_pandas/delivery/history.py",
        "self._wave, self._number = 0, -1",
        "self._wave, self._number = 1, -1",
    ): "the first slice, of wave 0, is no end of a wave before it",
    (
        "mixpanel_pandas/delivery/history.py",
        "self._wave, self._number = 0, -1",
        "self._wave, self._number = -1, -1",
    ): "the end of no rows adds nothing",
    (
        "mixpanel_pandas/delivery/journal/reading.py",
        "for state, of_run in zip(states, texts, strict=True)",
        "for state, of_run in zip(states, texts, strict=False)",
    ): "there is a text for each state, made in the line above",
    (
        "mixpanel_pandas/delivery/redaction.py",
        "size = (len(spellings[0]) - 1).bit_length()",
        "size = (len(spellings[-1]) - 1).bit_length()",
    ): "all spellings have one length",
    (
        "mixpanel_pandas/delivery/journal/sessions.py",
        "last = np.full(rows, -1)",
        "last = np.full(rows, -2)",
    ): "any number below 0 is no delivery",
    (
        "mixpanel_pandas/delivery/journal/journal.py",
        "self._writer.write([begin], wait=False)",
        "self._writer.write([begin], wait=True)",
    ): "only when the record is on disk; the next one that is waited for brings it there",
    (
        "mixpanel_pandas/payloads/normalise.py",
        'days = np.asarray(array.cast(pa.int32()).fill_null(0)).astype("M8[D]")',
        'days = np.asarray(array.cast(pa.int32()).fill_null(1)).astype("M8[D]")',
    ): "any day near 1970 is within the years",
    (
        "mixpanel_pandas/payloads/normalise.py",
        'days = np.asarray(array.cast(pa.int32()).fill_null(0)).astype("M8[D]")',
        'days = np.asarray(array.cast(pa.int32()).fill_null(-1)).astype("M8[D]")',
    ): "any day near 1970 is within the years",
    (
        "mixpanel_pandas/payloads/slice_sizes.py",
        "FEW_ROWS, WIDE_BYTES = 768, 36_000_000",
        "FEW_ROWS, WIDE_BYTES = 769, 36_000_000",
    ): "an estimate, to a row",
    (
        "mixpanel_pandas/payloads/slice_sizes.py",
        "FEW_ROWS, WIDE_BYTES = 768, 36_000_000",
        "FEW_ROWS, WIDE_BYTES = 767, 36_000_000",
    ): "an estimate, to a row",
    (
        "mixpanel_pandas/delivery/journal/path.py",
        'file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)',
        'file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 1), 0o600)',
    ): "1 is O_WRONLY, which is there already",
    (
        "mixpanel_pandas/payloads/normalise.py",
        "instants = array if array.type.tz is None else array.view(pa.timestamp(array.type.unit))",
        "instants = array if (array.type.tz is not None) else array.view(pa.timestamp(array.type.unit))",
    ): "the cast to milliseconds drops a time zone as well",
    (
        "mixpanel_pandas/checking/scan.py",
        "is_over = not check.limit or longest > LIMITS[check.limit].value  # a limit of bytes",
        "is_over = not check.limit or (longest >= LIMITS[check.limit].value)  # a limit of bytes",
    ): "strings that may be too long are measured exactly afterwards",
    (
        "mixpanel_pandas/payloads/measures.py",
        "rows[rows] = mask_of(pc.match_substring_regex(texts.filter(pa.array(rows)), _LONG_INTEGER))",
        "pass",
    ): "the regular expression only spares most texts the exact look that follows",
    (
        "mixpanel_pandas/payloads/slices.py",
        "return np.where(dropped, 0, 1 + has_value)",
        "return np.where(dropped, 0, 2 + has_value)",
    ): "only the order of the worths counts",
    (
        "mixpanel_pandas/payloads/parsing.py",
        "whole: ReadColumn | None = field(default=None, repr=False, compare=False)",
        "whole: ReadColumn | None = field(default=None, repr=False, compare=True)",
    ): "nobody compares how two columns of text are read",
}
