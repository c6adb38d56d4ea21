from __future__ import annotations

import asyncio
import contextlib
import copy
import hashlib
import multiprocessing
import os
import pickle
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.project import REGIONS, current_project, process_default
from mixpanel_pandas.rules.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        pytest.param(("", "eu"), {}, "no project token: set MIXPANEL_TOKEN", id="no token"),
        pytest.param(("abc", "eu"), {}, "32 letters and digits, this one has 3 characters", id="short token"),
        pytest.param(("x", "eu"), {}, "this one has 1 character", id="one letter"),
        pytest.param((None, "eu"), {}, "no project token", id="token None"),
        pytest.param((12345, "eu"), {}, "this one is not text", id="token a number"),
        pytest.param((TOKEN + "\n", "eu"), {}, "this one has 33 characters", id="token with a line end"),
        pytest.param((TOKEN,), {}, "no region: choose one of 'us', 'eu', 'in'", id="no region"),
        pytest.param(
            (TOKEN, "EU"), {}, "region 'EU' is not known: choose one of 'us', 'eu', 'in'", id="bad region"
        ),
        pytest.param(
            (TOKEN, "eu"), {"url": "https://x"}, "pass region or url, not both", id="region and url"
        ),
        pytest.param(
            (TOKEN,), {"url": "mixpanel.com"}, "an address such as 'https://", id="url without scheme"
        ),
        pytest.param((TOKEN,), {"url": "http://proxy.example"}, "unencrypted: use https", id="plain http"),
        pytest.param(
            (TOKEN,),
            {"url": "https://me:pw@proxy.example"},
            "not contain a user, password",
            id="password in url",
        ),
        pytest.param((TOKEN, "eu"), {"timeout": 0}, "timeout=0 is out of range", id="no time"),
        pytest.param(
            (TOKEN, "eu"),
            {"retries": -1, "backoff": -2},
            "retries=-1, backoff=-2 is out of range",
            id="two at once",
        ),
    ],
)
def test_refusals(arguments: tuple[str, ...], options: dict[str, object], message: str) -> None:
    with pytest.raises(mpd.ProjectError) as raised:
        mpd.Project(*arguments, **options)
    assert message in str(raised.value)
    assert "pw" not in str(raised.value)


def test_all_findings_at_once() -> None:
    with pytest.raises(mpd.ProjectError, match=r"(?s)no project token.*no region.*timeout=-1"):
        mpd.Project("", timeout=-1)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_has_a_host(region: str) -> None:
    project = mpd.Project(TOKEN, region)
    assert project.base == REGIONS[region]
    assert project.place == region


def test_an_address_stands_for_the_region() -> None:
    project = mpd.Project(TOKEN, url="https://proxy.example/mixpanel/")
    assert project.base == "https://proxy.example/mixpanel"
    assert project.place == "proxy.example"
    assert mpd.Project(TOKEN, url=f"{REGIONS['eu']}/").place == "eu"


def test_no_token_is_shown() -> None:
    project = mpd.Project(TOKEN, "eu")
    for text in (repr(project), str(project), repr(mpd.set_project(project))):
        assert TOKEN not in text
        assert TOKEN[5:] not in text


def test_a_project_survives_pickling() -> None:
    project = mpd.Project(TOKEN, "eu", timeout=5)
    again = pickle.loads(pickle.dumps(project))
    assert again == project
    assert repr(again) == repr(project)
    assert TOKEN not in repr((again, again.token))


def test_the_environment_names_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPANEL_TOKEN", TOKEN)
    monkeypatch.setenv("MIXPANEL_REGION", "in")
    assert current_project() == mpd.Project.from_env() == mpd.Project(TOKEN, "in")
    assert mpd.Project(TOKEN) == mpd.Project(TOKEN, "in")
    monkeypatch.setenv("MIXPANEL_URL", "https://proxy.example")
    assert mpd.Project.from_env().place == "proxy.example"
    assert mpd.Project.from_env("us").place == "us"


def test_set_project_takes_a_project() -> None:
    mpd.set_project(mpd.Project(TOKEN, "eu"))
    with pytest.raises(mpd.ProjectError, match="set_project takes a Project, not str"):
        mpd.set_project(TOKEN)
    assert current_project() == mpd.Project(TOKEN, "eu")


def test_a_verb_without_a_project_says_what_to_set() -> None:
    with pytest.raises(mpd.ProjectError, match="MIXPANEL_TOKEN"):
        pd.DataFrame({"id": ["a"], "x": [1]}).mixpanel.set("id")


# Which project a verb takes

FIRST, SECOND, THIRD = (mpd.Project(letter * 32, "eu") for letter in "123")
FRAME = pd.DataFrame({"id": ["a"], "x": [1]})


def seen(run: Callable[[Callable[[], object]], object] | None = None) -> object:
    """Return the project that a call takes, or the error that it raises."""

    def look() -> object:
        try:
            return current_project()
        except mpd.ProjectError as error:
            return str(error)

    return look() if run is None else run(look)


def in_a_thread(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def in_a_thread_with_this_context(work: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.to_thread(work))


def in_a_task(work: Callable[[], Any]) -> Any:
    async def task() -> Any:
        return await asyncio.gather(asyncio.create_task(asyncio.sleep(0, None)), asyncio.to_thread(int))

    async def main() -> Any:
        async def of_the_task() -> Any:
            await task()
            return work()

        return await asyncio.create_task(of_the_task())

    return asyncio.run(main())


def in_an_executor(work: Callable[[], Any]) -> Any:
    async def main() -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, work)

    return asyncio.run(main())


ENVIRONMENT = mpd.Project("e" * 32, "us")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPANEL_TOKEN", "e" * 32)
    monkeypatch.setenv("MIXPANEL_REGION", "us")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("given", "of_the_context", "of_the_process", "winner"),
    [
        pytest.param(FIRST, [SECOND], THIRD, FIRST, id="project= over all"),
        pytest.param(FIRST, [None], None, FIRST, id="project= over a block with None"),
        pytest.param(None, [SECOND], THIRD, SECOND, id="a block over the process"),
        pytest.param(None, [FIRST, SECOND], THIRD, SECOND, id="the inner block over the outer"),
        pytest.param(None, [None], THIRD, ENVIRONMENT, id="a block with None hides the process's"),
        pytest.param(None, [FIRST, None], THIRD, ENVIRONMENT, id="a block with None hides the outer block"),
        pytest.param(None, [None, FIRST], None, FIRST, id="a block within a block with None"),
        pytest.param(None, [], THIRD, THIRD, id="the process over the environment"),
        pytest.param(None, [], None, ENVIRONMENT, id="the environment last"),
    ],
)
def test_who_wins(
    given: mpd.Project | None,
    of_the_context: list[mpd.Project | None],
    of_the_process: mpd.Project | None,
    winner: mpd.Project,
) -> None:
    mpd.set_project(of_the_process)
    with contextlib.ExitStack() as blocks:
        for project in of_the_context:
            blocks.enter_context(mpd.set_project(project))
        assert current_project(given) == winner
        summary = FRAME.mixpanel.set("id", project=given, dry_run=True)
        assert summary.attrs["mixpanel"]["place"] == "dry run"
    assert current_project() == (of_the_process or ENVIRONMENT)


REFUSED = "no project is set in this thread or task, but another one is in a block"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("run", "in_a_block", "with_a_default"),
    [
        pytest.param(lambda work: work(), FIRST, FIRST, id="the same thread"),
        pytest.param(in_a_thread, REFUSED, THIRD, id="a thread"),
        pytest.param(in_an_executor, REFUSED, THIRD, id="an executor's thread"),
        pytest.param(in_a_thread_with_this_context, FIRST, FIRST, id="asyncio.to_thread"),
        pytest.param(in_a_task, FIRST, FIRST, id="a task"),
    ],
)
def test_what_runs_in_a_block_sees_it_or_is_refused(
    run: Callable[[Callable[[], Any]], Any], in_a_block: object, with_a_default: object
) -> None:
    assert seen(run) == ENVIRONMENT
    with mpd.set_project(FIRST):
        found = seen(run)
        assert found == in_a_block or (isinstance(found, str) and found.startswith(str(in_a_block)))
        assert isinstance(found, mpd.Project) or "project=" in found
    mpd.set_project(THIRD)
    assert seen(run) == THIRD
    with mpd.set_project(FIRST):
        assert seen(run) == with_a_default
    with mpd.set_project(None):
        assert seen() == ENVIRONMENT
        assert seen(in_a_thread) == THIRD
    mpd.set_project(None)
    with mpd.set_project(None):
        assert seen(run) == ENVIRONMENT  # a block with None holds nothing that another could miss
    assert seen(run) == ENVIRONMENT


def test_what_is_set_in_a_block_with_none_ends_with_it() -> None:
    mpd.set_project(FIRST)
    with mpd.set_project(None):
        mpd.set_project(SECOND)
        assert seen() == seen(in_a_thread) == SECOND
        with mpd.set_project(THIRD):
            mpd.set_project(FIRST)
            assert seen() == THIRD
        assert seen() == seen(in_a_thread) == FIRST
        mpd.set_project(SECOND)
    assert seen() == seen(in_a_thread) == FIRST


def test_a_statement_holds_until_the_next() -> None:
    for project in (FIRST, SECOND, THIRD):
        mpd.set_project(project)
        assert seen() == seen(in_a_thread) == seen(in_a_task) == project
    in_a_thread(lambda: mpd.set_project(FIRST) and None)
    assert seen() == FIRST
    mpd.set_project(None)
    assert "no project token: set MIXPANEL_TOKEN" in str(seen())


class Workers:
    """Two threads that do as they are told, step by step."""

    def __init__(self) -> None:
        self.pools = [ThreadPoolExecutor(1) for _ in range(2)]

    def __getitem__(self, number: int) -> Callable[[Callable[[], Any]], Any]:
        return lambda work: self.pools[number].submit(work).result()


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    for pool in workers.pools:
        pool.shutdown()


@pytest.mark.usefixtures("environment")
def test_a_block_that_is_not_entered_yet_is_nobody_elses(workers: Workers) -> None:
    """`with set_project(p)` makes the object, then enters it: another thread that looks in between waits for what comes."""
    made, looks = threading.Event(), threading.Event()
    mpd.set_project(THIRD)

    def enter() -> object:
        setting = mpd.set_project(FIRST)
        made.set()
        looks.wait()
        with setting:
            return seen()

    entering = workers.pools[0].submit(enter)
    made.wait()
    other = workers.pools[1].submit(seen)
    early = wait([other], timeout=0.05).done
    looks.set()
    assert not early
    assert entering.result() == FIRST
    assert other.result() == THIRD


@pytest.mark.usefixtures("environment")
def test_one_that_is_kept_and_never_entered_is_a_default_after_a_while(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixpanel_pandas.project.current.ENTER_SECONDS", 0.02)
    kept = [workers[0](lambda: mpd.set_project(FIRST))]
    assert seen(workers[1]) == FIRST
    with kept.pop():
        assert str(seen(workers[1])).startswith(REFUSED)
    assert seen(workers[1]) == ENVIRONMENT


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("mpd.set_project(FIRST)", id="dropped"),
        pytest.param("_ = mpd.set_project(FIRST)", id="kept as _"),
        pytest.param("kept = mpd.set_project(FIRST); repr(kept)", id="shown"),
        pytest.param(
            "kept = mpd.set_project(FIRST); current_project()", id="looked back at by its own thread"
        ),
        pytest.param(
            "kept = mpd.set_project(FIRST); current_project(SECOND)", id="its own thread has called"
        ),
        pytest.param(
            "import contextvars; kept = mpd.set_project(FIRST); contextvars.Context().run(current_project)",
            id="looked back at by its own thread in another context",
        ),
        pytest.param(
            "kept = mpd.set_project(FIRST); asyncio.run(asyncio.to_thread(current_project))",
            id="looked back at by a thread that took over its context",
        ),
        pytest.param("kept = mpd.set_project(FIRST); kept = None", id="dropped later"),
    ],
)
def test_what_is_a_statement_holds_for_other_threads(statement: str) -> None:
    names = globals().copy()
    exec(statement, names)  # noqa: S102 (what a module or a cell runs)
    assert seen(in_a_thread) == FIRST


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("default", [None, THIRD], ids=["no default", "a default"])
def test_no_thread_ever_sees_the_block_of_another(default: mpd.Project | None) -> None:
    mpd.set_project(default)
    odd: list[object] = []
    ended, interval = threading.Event(), sys.getswitchinterval()

    def enter(project: mpd.Project) -> None:
        for _ in range(1500):
            with mpd.set_project(project):
                if current_project() is not project:
                    odd.append(project)
            with contextlib.ExitStack() as blocks:
                blocks.enter_context(mpd.set_project(project))

    def look() -> None:
        while not ended.is_set():
            found = seen()
            if found != (default or ENVIRONMENT) and not (default is None and str(found).startswith(REFUSED)):
                odd.append(found)

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(5) as pool:
            looking = [pool.submit(look) for _ in range(2)]
            wait([pool.submit(enter, project) for project in (FIRST, SECOND)])
            ended.set()
            wait(looking)
    finally:
        sys.setswitchinterval(interval)
    assert odd == []
    assert seen() == seen(in_a_thread) == (default or ENVIRONMENT)


def test_threads_and_tasks_write_to_their_own_project() -> None:
    emulators = [mpd.Emulator().start() for _ in range(2)]

    def upload(number: int, row: int) -> None:
        pd.DataFrame({"id": [f"{number} {row}"], "n": 1}).mixpanel.set("id", progress=False)

    def of_a_thread(number: int) -> None:
        with mpd.set_project(emulators[number].project):
            for row in range(10):
                upload(number, row)

    async def of_a_task(number: int) -> None:
        with mpd.set_project(emulators[number].project):
            for row in range(10, 15 + 5 * number):  # one leaves its block while the other is in its own
                await asyncio.sleep(0)
                upload(number, row)
                await asyncio.to_thread(upload, number, row + 100)

    async def tasks() -> None:
        await asyncio.gather(*map(of_a_task, range(2)))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(of_a_thread, range(2)))
    asyncio.run(tasks())
    for number, emulator in enumerate(emulators):
        ids = set(emulator.profiles().index)
        assert {each.split()[0] for each in ids} == {str(number)}
        assert len(ids) == 10 + 2 * (5 + 5 * number)
        emulator.close()
    assert "no project token" in str(seen())
    assert "no project token" in str(seen(in_a_thread))


def blocks_of(project: mpd.Project) -> Generator[object]:
    with mpd.set_project(project):
        yield seen()


@pytest.mark.usefixtures("environment")
def test_interleaved_generators_restore_what_is_left() -> None:
    first, second = blocks_of(FIRST), blocks_of(SECOND)
    assert [next(first), next(second)] == [FIRST, SECOND]
    first.close()
    assert seen() == SECOND
    second.close()
    assert seen() == seen(in_a_thread) == ENVIRONMENT


@pytest.mark.usefixtures("environment")
def test_a_generator_that_another_thread_closes_leaves_nothing_behind() -> None:
    generator = blocks_of(FIRST)
    assert next(generator) == FIRST
    in_a_thread(generator.close)
    assert seen() == seen(in_a_thread) == ENVIRONMENT


@pytest.mark.usefixtures("environment")
def test_a_task_that_outlives_the_block_keeps_its_project() -> None:
    async def main() -> object:
        async def late() -> object:
            await asyncio.sleep(0)
            return seen()

        with mpd.set_project(FIRST):
            task = asyncio.create_task(late())
        assert seen() == ENVIRONMENT
        return await task

    assert asyncio.run(main()) == FIRST


@pytest.mark.usefixtures("environment")
def test_an_exception_leaves_the_block() -> None:
    with pytest.raises(KeyError), mpd.set_project(FIRST), mpd.set_project(SECOND):
        raise KeyError
    assert seen() == seen(in_a_thread) == ENVIRONMENT


@pytest.mark.usefixtures("environment")
def test_one_object_can_be_entered_again_and_by_several_threads(workers: Workers) -> None:
    block = mpd.set_project(FIRST)
    with block, mpd.set_project(SECOND), block:
        assert seen() == FIRST
        assert str(seen(in_a_thread)).startswith(REFUSED)
    for worker in workers[0], workers[1]:
        worker(block.__enter__)
    for worker, other in (workers[1], workers[0]), (workers[0], None):
        assert seen(worker) == FIRST
        worker(lambda: block.__exit__(None, None, None))
        assert seen(worker) == ENVIRONMENT if other is None else str(seen(worker)).startswith(REFUSED)
        assert other is None or seen(other) == FIRST
    assert seen() == ENVIRONMENT


@pytest.mark.usefixtures("environment")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_keeps_its_own_block_and_is_refused_without_one(workers: Workers) -> None:
    block = mpd.set_project(SECOND)
    workers[0](block.__enter__)
    reader, writer = os.pipe()
    if os.fork() == 0:
        with mpd.set_project(FIRST):
            inside = seen() == FIRST
        refused = "project=" in str(seen())  # it may be one that the thread in the block has started
        os.write(writer, b"right" if inside and refused else b"wrong")
        os._exit(0)
    os.wait()
    assert os.read(reader, 5) == b"right"
    os.close(reader)
    os.close(writer)
    workers[0](lambda: block.__exit__(None, None, None))


def test_a_default_for_a_while_restores_the_one_before() -> None:
    mpd.set_project(SECOND)
    with process_default(THIRD):
        assert seen() == seen(in_a_thread) == THIRD
        mpd.set_project(FIRST)
    assert seen() == seen(in_a_thread) == SECOND


def test_many_settings_take_no_memory() -> None:
    from mixpanel_pandas.project import current

    for _ in range(1000):
        mpd.set_project(FIRST)
        with mpd.set_project(SECOND):
            pass
    assert len(current._settings) <= 2


# project=

CALLS: dict[str, Callable[[Any, mpd.Project], Any]] = {
    **{
        verb: lambda profiles, project, verb=verb: getattr(profiles, verb)(
            "id", *ARGUMENTS.get(verb, ()), project=project, **OPTIONS.get(verb, {})
        )
        for verb in (*OPERATORS, "update")
    },
    "validate": lambda profiles, project: profiles.validate("set", "id", project=project),
    "payloads": lambda profiles, project: profiles.payloads("set", "id", project=project),
    "preview": lambda profiles, project: profiles.preview("set", "id", project=project),
    "schema": lambda profiles, project: profiles.schema("set", "id", project=project),
}  # fmt: skip
ARGUMENTS: dict[str, tuple[Any, ...]] = {"unset": (["x"],), "update": ({"x": "set"},)}
OPTIONS: dict[str, dict[str, Any]] = {verb: {"backup": None} for verb in ("unset", "delete")}


@pytest.mark.parametrize("name", CALLS)
def test_every_entry_takes_a_project(name: str) -> None:
    with mpd.Emulator() as emulator, mpd.set_project(SECOND):
        CALLS[name](FRAME.mixpanel, emulator.project)
        sends = name in {*OPERATORS, "update"}
        assert len(emulator.requests) == sends
        if name not in OPERATORS or OPERATORS[name].groups:
            CALLS[name](FRAME.mixpanel.group("company"), emulator.project)
            assert len(emulator.requests) == 2 * sends


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", [TOKEN, 5, {"token": TOKEN}, mpd.Project], ids=repr)
def test_what_is_no_project_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(
        mpd.OperationError, match=r"project takes a Project, not \w+: project=mpd.Project\("
    ) as raised:
        CALLS[name](FRAME.mixpanel, wrong)
    assert TOKEN not in str(raised.value)


def test_the_summary_says_where_rows_went(tmp_path: Path) -> None:
    with mpd.Emulator() as emulator:
        project = emulator.project
        summary = FRAME.mixpanel.set("id", project=project, journal=tmp_path / "mp.sqlite")
    where = {"place": project.place, "token_fingerprint": project.fingerprint}
    assert where.items() <= summary.attrs["mixpanel"].items()
    summary.to_parquet(tmp_path / "summary.parquet")
    assert pd.read_parquet(tmp_path / "summary.parquet").attrs == summary.attrs
    assert mpd.read_journal(tmp_path / "mp.sqlite").summary.attrs == summary.attrs


def test_the_summary_of_a_dry_run_says_that_rows_went_nowhere() -> None:
    attrs = FRAME.mixpanel.set("id", project=FIRST, dry_run=True).attrs["mixpanel"]
    assert (attrs["place"], attrs["token_fingerprint"]) == ("dry run", "")


def test_a_fingerprint_tells_tokens_apart_and_nothing_of_them() -> None:
    prints = [project.fingerprint for project in (FIRST, SECOND, THIRD)]
    assert len(set(prints)) == 3
    assert all(re.fullmatch("[0-9a-f]{8}", each) for each in prints)
    assert mpd.Project("1" * 32, "us", timeout=5).fingerprint == FIRST.fingerprint
    assert not {
        hashlib.blake2b(b"1" * 32, digest_size=4).hexdigest(),
        hashlib.sha256(b"1" * 32).hexdigest()[:8],
    } & {*prints}


def test_the_project_is_no_part_of_the_line_that_tells_the_token_nor_of_a_run(tmp_path: Path) -> None:
    preview = FRAME.mixpanel.preview("set", "id", project=FIRST)
    assert preview.code == "df.mixpanel.set('id', project=project)"
    assert "To eu" in repr(preview) or "in eu" in repr(preview)
    with mpd.Emulator() as emulator:
        for project in emulator.project, replace(emulator.project, timeout=9.0):
            FRAME.mixpanel.set("id", project=project, journal=tmp_path / "mp.sqlite", run="one")
        with mpd.set_project(emulator.project):
            FRAME.mixpanel.set("id", journal=tmp_path / "mp.sqlite", run="one")
        assert len(emulator.requests) == 1


# Other processes


def rows_accepted(project: mpd.Project | None = None) -> int:
    """Write in another process."""
    return int(FRAME.mixpanel.set("id", project=project, progress=False)["accepted"].sum())


def rows_accepted_in_a_block(project: mpd.Project | None) -> int:
    with mpd.set_project(project):
        return rows_accepted()


WORKERS = [method for method in ("spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]


@pytest.mark.slow
@pytest.mark.parametrize("method", WORKERS)
def test_a_worker_writes_to_the_project_that_it_is_passed_never_to_that_of_the_environment(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context(method)
    with mpd.Emulator() as environment, mpd.Emulator() as emulator:
        monkeypatch.setenv("MIXPANEL_TOKEN", environment.token)
        monkeypatch.setenv("MIXPANEL_URL", environment.url)
        with process_default(emulator.project), context.Pool(1) as pool:
            assert pool.apply(rows_accepted, [emulator.project]) == 1
            for _ in range(2):
                assert pool.apply(rows_accepted_in_a_block, [emulator.project]) == 1
                with pytest.raises(mpd.ProjectError, match=r"no project is set in this worker.*project="):
                    pool.apply(rows_accepted)
            assert TOKEN not in repr(pool.apply(copy.copy, [mpd.Project(TOKEN, "eu")]))
        with mpd.set_project(emulator.project), context.Pool(1) as pool:
            with pytest.raises(mpd.ProjectError, match=r"no project is set in this worker.*project="):
                pool.apply(rows_accepted)
            assert not environment.requests
            assert pool.apply(rows_accepted_in_a_block, [None]) == 1
            assert len(environment.requests) == 1


def test_a_worker_of_a_process_without_a_project_takes_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with mpd.Emulator() as environment:
        monkeypatch.setenv("MIXPANEL_TOKEN", environment.token)
        monkeypatch.setenv("MIXPANEL_URL", environment.url)
        with mpd.set_project(environment.project):
            pass
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(rows_accepted) == 1


def test_another_process_takes_the_project_of_the_environment() -> None:
    with mpd.Emulator() as environment, process_default(FIRST):
        code = (
            "import sys; from mixpanel_pandas.project import current_project; print(current_project().place)"
        )
        variables = {**os.environ, "MIXPANEL_TOKEN": environment.token, "MIXPANEL_URL": environment.url}
        done = subprocess.run(
            [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == environment.project.place


# -- the service account ----------------------------------------------------------------------------------------------

ACCOUNT: dict[str, Any] = {"username": "reader", "secret": "very secret", "project_id": 7}


def test_a_project_carries_the_account_and_shows_no_secret() -> None:
    project = mpd.Project(TOKEN, "eu", **ACCOUNT, group_keys={"company": -123})
    assert (project.username, project.secret, project.project_id) == ("reader", "very secret", 7)
    assert project.group_keys == {"company": "-123"}
    assert repr(project) == "Project(token='0123…', region='eu')"
    assert "secret" not in repr(vars(project)["secret"])
    assert pickle.loads(pickle.dumps(project)) == project
    assert hash(project) == hash(replace(project))
    assert replace(project, secret="another") != project


@pytest.mark.parametrize(
    ("region", "host"), [("us", "mixpanel.com"), ("eu", "eu.mixpanel.com"), ("in", "in.mixpanel.com")]
)
def test_queries_have_hosts_of_their_own(region: str, host: str) -> None:
    assert mpd.Project(TOKEN, region).query_base == f"https://{host}"
    assert mpd.Project(TOKEN, url="https://proxy.example/").query_base == "https://proxy.example"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"secret": None}, "both username and secret", id="no secret"),
        pytest.param({"username": None}, "both username and secret", id="no username"),
        pytest.param({"username": "a:b"}, "must not contain a colon", id="colon"),
        pytest.param({"secret": 5}, "must be text", id="secret that is no text"),
        pytest.param({"project_id": "seven"}, "project_id 'seven' is not the number", id="name of a project"),
        pytest.param({"project_id": True}, "project_id True is not the number", id="boolean"),
        pytest.param({"group_keys": ["company"]}, "group_keys must be a mapping", id="names of group keys"),
        pytest.param({"group_keys": {"company": "acme"}}, "'company' do not have the number", id="no number"),
    ],
)
def test_accounts_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(mpd.ProjectError, match=message) as raised:
        mpd.Project(TOKEN, "eu", **{**ACCOUNT, **changes})
    assert "very secret" not in str(raised.value)


def test_the_account_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"USERNAME": "env", "SECRET": "s", "PROJECT_ID": "9", "GROUP_KEYS": "company=-123, team=45"}
    for name, value in values.items():
        monkeypatch.setenv(f"MIXPANEL_{name}", value)
    project = mpd.Project(TOKEN, "eu")
    assert (project.username, project.secret, project.project_id) == ("env", "s", 9)
    assert project.group_keys == {"company": "-123", "team": "45"}
    assert mpd.Project(TOKEN, "eu", **ACCOUNT).username == "reader"
    monkeypatch.setenv("MIXPANEL_TOKEN", TOKEN)
    monkeypatch.setenv("MIXPANEL_REGION", "eu")
    assert mpd.Project.from_env() == project
    assert mpd.Project("f" * 32, "eu").username is None  # of another project than the environment's
