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
}
