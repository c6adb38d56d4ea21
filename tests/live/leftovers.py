"""What a run leaves behind: a file names its profiles from before the first write until they are seen to be gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.live.cases import FAMILY, RUN
from tests.live.running import BATCH, FOR_MIXPANEL, Patience
from tests.live.subject import QueriesSpent, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.project import Project

#: Where the files are. Git ignores the folder.
FOLDER = Path(__file__).parents[2] / "build" / "live"

#: Queries beyond those of a run, with which it is seen that profiles are gone.
MORE_QUERIES = 4


def remember(subject: Subject, ends: list[str], group_ends: list[str]) -> Path:
    """Write down the profiles that a run is going to write."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{subject.prefix.rstrip('-')}.json"
    note = {
        "project": subject.project.identity,
        "prefix": subject.prefix,
        "ends": ends,
        "group_ends": group_ends,
        "group": subject.group,
    }
    path.write_text(json.dumps(note), encoding="utf-8")  # fmt: skip
    return path


def remembered(project: Project) -> list[Path]:
    """Return the files of earlier runs in a project."""
    return [path for path in sorted(FOLDER.glob("*.json")) if _note(path)["project"] == project.identity]


def clean(
    subject: Subject,
    path: Path,
    patience: Patience = FOR_MIXPANEL,
    say: Callable[[str], None] = lambda _text: None,
) -> int | None:
    """Delete the profiles that a file names, and the file when they are gone. Return how many are left. None: it cannot be seen."""
    note = _note(path)
    group = tuple(note["group"]) if note["group"] else None
    cleaner = Subject(
        subject.project, note["prefix"], group, subject.queries, subject.sleep, subject.clock, subject.spent
    )
    try:
        with cleaner.more_queries(MORE_QUERIES):
            left = _delete(cleaner, note["ends"], note["group_ends"] if group else [], patience, say)
    finally:
        subject.spent = cleaner.spent
        subject.requests += cleaner.requests
        cleaner.close()
    if left == 0:
        path.unlink()
    return left


def clean_unremembered(subject: Subject, ends: list[str]) -> int:
    """Delete users of any run, as a query finds them by their mark. Return how many were found.

    It is for a machine without the files. Profiles that an update made out of nothing carry no mark, so all `ends` of each run that
    was found are deleted.
    """
    found = subject.pages({"where": f'defined(properties["{RUN}"])', "output_properties": []})
    ids = {one for one in found if one.startswith(FAMILY)}
    prefixes = {one[: len(subject.prefix)] for one in ids}
    _send_deletes(subject, sorted(ids | {prefix + end for prefix in prefixes for end in ends}), [])
    return len(ids)


def _note(path: Path) -> dict[str, Any]:
    note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return note


def _delete(
    subject: Subject,
    ends: list[str],
    group_ends: list[str],
    patience: Patience,
    say: Callable[[str], None],
) -> int | None:
    """Delete profiles until they are gone or the patience is over. Return how many are left. None: it cannot be seen."""
    ids, group_ids = ([subject.prefix + end for end in some] for some in (ends, group_ends))
    left = len(ids) + len(group_ids)
    began = subject.clock()
    for at in patience.deleting:
        # an update that was on its way may make a profile again, so what is still there is deleted again
        _send_deletes(subject, ids, group_ids)
        subject.sleep(max(0.0, at - (subject.clock() - began)))
        try:
            ids = sorted(subject.profiles(ids)) if ids else []
            group_ids = (
                sorted(subject.profiles(group_ids, subject.group[1])) if group_ids and subject.group else []
            )
        except QueriesSpent:
            say("deleted, but no query is left to see it")
            return None
        left = len(ids) + len(group_ids)
        say(f"deleted: after {subject.clock() - began:.0f} s {left:,} profiles are left")
        if not left:
            break
    return left


def _send_deletes(subject: Subject, ids: list[str], group_ids: list[str]) -> None:
    delete = {"$token": str(subject.project.token), "$delete": "", "$ip": "0", "$ignore_time": True}
    users = [{**delete, "$distinct_id": one, "$ignore_alias": True} for one in ids]
    key = subject.group[0] if subject.group else ""
    groups = [{**delete, "$group_key": key, "$group_id": one} for one in group_ids]
    for endpoint, records in (("engage", users), ("groups", groups)):
        for start in range(0, len(records), BATCH):
            subject.write(endpoint, records[start : start + BATCH], "ip=0&verbose=1", idempotent=True)
