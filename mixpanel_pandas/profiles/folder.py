"""Pages on disk, so that reading goes on after an interruption: one Parquet file a page, and a manifest.

Pages go into a folder beside the one that is asked for, which takes its place when it is whole. Until then an older one is as it was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.profiles.pages import Page, Session
from mixpanel_pandas.reading.writing import atomic_write
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Folder", "manifest_of"]

MANIFEST = "manifest.json"
FORMAT = "mixpanel_pandas profiles, 1"

#: What a folder of ours holds. The last one is left behind by a process that ended while it wrote.
_OURS = re.compile(r"manifest\.json|part-\d{5}-\d{7}\.parquet|\.mixpanel_pandas-.*")


@dataclass
class Folder:
    """The folder of a reading.

    Attributes
    ----------
    path : Path
        Where the whole reading is to be.
    source : dict
        The project and the forms of the queries. Only pages of the same source belong together.
    sessions : list of Session
        Of the queries that have begun.
    """

    path: Path
    source: dict[str, Any]
    sessions: list[Session] = field(default_factory=list)

    @property
    def working(self) -> Path:
        """Where pages are kept until all of them are there."""
        return self.path.with_name(f"{self.path.name}.reading")

    @property
    def _old(self) -> Path:
        return self.path.with_name(f"{self.path.name}.old")

    def open(self) -> None:
        """Take over the pages of an earlier reading of the same source, if there are any.

        Raises
        ------
        OperationError
            If one of the folders holds something else.
        """
        for folder in (self.path, self.working, self._old):
            _refuse_what_is_not_ours(folder)
        if self._old.exists() and not self.path.exists():  # the process ended between two renames
            self._old.rename(self.path)
        manifest = manifest_of(self.working)
        if manifest.get("source") == self.source:
            self.sessions = [Session(**session) for session in manifest["sessions"]]
        else:
            self.begin_again()

    def begin_again(self) -> None:
        """Forget the pages that are kept."""
        self.sessions = []
        if self.working.exists():
            shutil.rmtree(self.working)
        self.working.mkdir(parents=True)
        self._write_manifest()

    def add_session(self, session: Session) -> None:
        """Write down the session of the next query."""
        self.sessions.append(session)
        self._write_manifest()

    def keep(self, query: int, page: Page) -> None:
        """Write a page."""
        with atomic_write(self._part(query, page.number)) as temporary:
            pq.write_table(pa.Table.from_batches([page.profiles]), temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())

    def rows(self, query: int, number: int) -> int | None:
        """Return how many profiles are on a page that is kept. None: it is not."""
        try:
            return int(pq.read_metadata(self._part(query, number)).num_rows)
        except (OSError, pa.ArrowInvalid):
            return None

    def finish(self) -> None:
        """Put the reading, which is whole now, in its place."""
        self._write_manifest(complete=True)
        self._swap()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the pages of the whole reading."""
        for part in sorted(self.path.glob("part-*.parquet")):
            yield from pq.ParquetFile(part, pre_buffer=False).iter_batches(65_536, use_threads=False)
            give_back()

    @property
    def pages(self) -> int:
        """How many pages are kept."""
        return len(list(self.working.glob("part-*.parquet")))

    def _part(self, query: int, number: int) -> Path:
        return self.working / f"part-{query:05}-{number:07}.parquet"

    def _write_manifest(self, *, complete: bool = False) -> None:
        manifest = {
            "format": FORMAT,
            "complete": complete,
            "source": self.source,
            "sessions": [asdict(session) for session in self.sessions],
        }
        with (
            atomic_write(self.working / MANIFEST) as temporary,
            temporary.open("w", encoding="utf-8") as file,
        ):
            json.dump(manifest, file, indent=1)
            file.flush()
            os.fsync(file.fileno())

    def _swap(self) -> None:
        if self._old.exists():
            shutil.rmtree(self._old)
        if self.path.exists():
            self.path.rename(self._old)
        self.working.rename(self.path)
        if self._old.exists():
            shutil.rmtree(self._old)


def _refuse_what_is_not_ours(folder: Path) -> None:
    if not folder.exists():
        return
    others = [] if folder.is_dir() else [folder.name]
    if folder.is_dir():
        others = [entry.name for entry in folder.iterdir() if not _OURS.fullmatch(entry.name)]
    if others:
        what = "is not a folder" if not folder.is_dir() else f"holds {quoted(others[0])}"
        msg = f"to={quoted(str(folder), Length.SENTENCE)} {what}: name a new folder, or one that read_profiles has made"
        raise OperationError(msg)


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder. It is empty if there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(manifest, dict) and manifest.get("format") == FORMAT
    return manifest if is_ours else {}
