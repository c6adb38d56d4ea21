"""The results of a mutation run, in a file: a run that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.mutation.mutants import Mutant
    from tests.mutation.runner import Run


@dataclass(frozen=True)
class Result:
    """What became of a mutant at one stage: a line of the file.

    Attributes
    ----------
    module, before, after : str
        The mutant, for a reader.
    mutant : str
        Digest of the mutant.
    stage : str
        Which tests it met: "own" or "quick".
    code : str
        Digest of all code and tests at that time.
    killed : bool
        Whether a test noticed it.
    hung : bool
        Whether the run was ended because the tests hung.
    seconds, cpu : float
        How long the run took, and for how long it kept a processor busy.
    """

    module: str
    before: str
    after: str
    mutant: str
    stage: str
    code: str
    killed: bool
    hung: bool
    seconds: float
    cpu: float


class Results:
    """The results so far, by mutant and stage.

    A mutant that was killed stays killed. One that survived counts only while code and tests are the same.
    """

    def __init__(self, path: Path | None, code: str) -> None:
        self._path, self._code = path, code
        self._results: dict[tuple[str, str], Result] = {}
        if path and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                result = Result(**json.loads(line))
                if result.killed or result.code == code:
                    self._results[result.mutant, result.stage] = result

    def add(self, run: Run, stage: str) -> Result:
        """Keep the result of a run, also in the file."""
        assert run.mutant
        before, after = run.mutant.lines()
        result = Result(
            run.mutant.module, before, after, digest(run.mutant), stage, self._code, run.killed,
            run.status is None, round(run.seconds, 1), round(run.cpu, 1),
        )  # fmt: skip
        self._results[result.mutant, stage] = result
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        return result

    def killed(self, mutant: Mutant) -> bool:
        """Return whether tests of any stage killed the mutant."""
        return any(result.killed for result in self._of(mutant))

    def is_known(self, mutant: Mutant, stage: str) -> bool:
        """Return whether the mutant needs no run at a stage."""
        return self.killed(mutant) or (digest(mutant), stage) in self._results

    def cpu(self, mutants: Iterable[Mutant]) -> float:
        """Return for how many seconds the runs on mutants kept a processor busy."""
        return sum(result.cpu for mutant in mutants for result in self._of(mutant))

    def _of(self, mutant: Mutant) -> list[Result]:
        results = [self._results.get((digest(mutant), stage)) for stage in ("own", "quick")]
        return [result for result in results if result]


def digest(mutant: Mutant) -> str:
    """Return a short digest of a mutant."""
    return hashlib.sha256(f"{mutant.module}\0{mutant.mutated}".encode()).hexdigest()[:16]


def digest_of_code(folder: Path) -> str:
    """Return a short digest of all Python files in a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        whole.update(str(path.relative_to(folder)).encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]
