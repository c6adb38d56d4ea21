"""Mutants change what a test should notice, and nothing else."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.mutation.__main__ import FOLDERS, all_mutants, report, without_mutants
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import Mutant, mutants, sample
from tests.mutation.results import Results, digest_of_code
from tests.mutation.runner import ROOT, TESTED_IN, Run, own_tests, quick_subset


def changes(code: str) -> set[tuple[str, str]]:
    return {mutant.lines() for mutant in mutants("m.py", textwrap.dedent(code))}


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        pytest.param("x = a < b", ["x = (a <= b)"], id="an edge"),
        pytest.param("x = a == b", ["x = (a != b)"], id="equality"),
        pytest.param("x = a and b or c", ["x = ((a and b) and c)", "x = (a or b) or c"], id="and, or"),
        pytest.param("x = not a", ["x = a"], id="not"),
        pytest.param("x = a + b", ["x = (a - b)"], id="arithmetic"),
        pytest.param("x += a", ["x -= a"], id="arithmetic in place"),
        pytest.param("x = 255", ["x = 256", "x = 254"], id="a number"),
        pytest.param("x = True", ["x = False"], id="a switch"),
        pytest.param("x = f(a, b)", ["x = f(b, a)"], id="arguments"),
        pytest.param("def f():\n    return a", ["return None"], id="what is returned"),
        pytest.param("f(a)", ["pass"], id="a call for its effect"),
        pytest.param("self.x = a", ["pass"], id="what is kept"),
        pytest.param("for a in b:\n    break", ["pass"], id="a way out"),
        pytest.param("if a:\n    x = b", ["if (not a):"], id="a condition"),
        pytest.param("x = [a for a in b if a]", ["x = [a for a in b if (not a)]"], id="a filter"),
        pytest.param("x = 'ü' + a", ["x = ('ü' - a)"], id="behind letters of several bytes"),
    ],
)
def test_what_is_changed(code: str, changed: list[str]) -> None:
    assert {after for _, after in changes(code)} == set(changed)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param('"""Text."""', id="a docstring"),
        pytest.param("x: Literal[1, 2]", id="an annotation"),
        pytest.param("def f(x: Literal[1]) -> Literal[2]: ...", id="annotations of a function"),
        pytest.param("@dataclass(frozen=True)\nclass A: ...", id="a decorator"),
        pytest.param("__all__ = ['a'] + b", id="__all__"),
        pytest.param("if TYPE_CHECKING:\n    import a\n    x = 1", id="what only types need"),
        pytest.param("class A:\n    def __repr__(self):\n        return a + b", id="__repr__"),
        pytest.param("x = f'{a + 1:>10}'", id="a text"),
        pytest.param("x = isinstance(a, b)", id="isinstance"),
        pytest.param("x = isinstance(a, b | c)", id="types that are asked for"),
        pytest.param("A: TypeAlias = b | c", id="an alias of types"),
        pytest.param("x = field(repr=False)", id="what a field shows"),
        pytest.param("log.warning(a, b)", id="the log"),
    ],
)
def test_what_is_left_alone(code: str) -> None:
    assert {after for _, after in changes(code)} <= {"pass"}


def test_what_an_error_says_is_left_alone_and_that_it_is_raised_is_not() -> None:
    assert changes("if a:\n    raise ValueError(b + 1)") == {
        ("if a:", "if (not a):"),
        ("raise ValueError(b + 1)", "pass"),
    }


def test_a_sample_is_the_same_for_the_same_seed_and_spread_over_the_modules() -> None:
    large = [Mutant("large.py", "", "", f"x = {n}") for n in range(90)]
    small = [Mutant("small.py", "", "", f"x = {n}") for n in range(10)]
    chosen = sample([*large, *small], 20, seed=3)
    assert chosen == sample([*large, *small], 20, seed=3)
    assert chosen != sample([*large, *small], 20, seed=4)
    assert sum(mutant.module == "small.py" for mutant in chosen) in {1, 2, 3}


def test_a_change_of_the_code_keeps_the_sample() -> None:
    before = "\n".join(f"x{n} = a < {n}" for n in range(100))
    after = before.replace("x50 = a < 50\n", "")
    chosen, later = (
        {m.lines() for m in sample([*mutants("m.py", text)], 60, seed=3)} for text in (before, after)
    )
    assert len(chosen & later) > 55


def test_the_lines_of_a_mutant_are_those_that_differ() -> None:
    assert Mutant("m.py", "", "a\n  b\n  c\nd\n", "a\n  bc\nd\n").lines() == ("b c", "bc")
    assert Mutant("m.py", "", "a\na\n", "a\na\na\n").lines() == ("", "a")


def test_a_run_goes_on_from_the_results_of_another(tmp_path: Path) -> None:
    killed, survived, new = (Mutant("m.py", "", "x = 0", f"x = {n}") for n in (1, 2, 3))
    file = tmp_path / "results.jsonl"
    results = Results(file, code="before")
    results.add(Run(killed, (), status=1, cpu=2.0), "own")
    results.add(Run(survived, (), status=0, cpu=3.0), "own")
    for again in (results, Results(file, code="before")):
        assert [again.killed(mutant) for mutant in (killed, survived, new)] == [True, False, False]
        assert [again.is_known(mutant, "own") for mutant in (killed, survived, new)] == [True, True, False]
        assert [again.is_known(mutant, "quick") for mutant in (killed, survived)] == [True, False]
        assert again.cpu([killed, survived, new]) == 5.0
    changed = Results(file, code="after")
    assert [changed.is_known(mutant, "own") for mutant in (killed, survived)] == [True, False]


def test_results_without_a_file_are_kept_for_the_run() -> None:
    mutant, results = Mutant("m.py", "", "x = 0", "x = 1"), Results(None, code="")
    results.add(Run(mutant, (), status=None), "quick")
    assert results.killed(mutant)


def test_any_change_of_code_or_tests_is_another_code(tmp_path: Path) -> None:
    digests = set()
    for name, text in [("a.py", "x"), ("a.py", "y"), ("b.py", "y"), ("c.txt", "z")]:
        (tmp_path / name).write_text(text)
        digests.add(digest_of_code(tmp_path))
    assert len(digests) == 3


def test_the_code_as_it_is_meets_each_file_of_tests_once() -> None:
    runs = [Run(None, ("tests/a", f"{name}.py")) for name in "xyx"] + [Run(None, ("tests/b", "z.py"))]
    assert [run.tests for run in without_mutants(runs)] == [("tests/a", "x.py", "y.py"), ("tests/b", "z.py")]


def test_what_does_not_compile_is_not_in_a_sample() -> None:
    assert sample([Mutant("m.py", "", "", "x ="), Mutant("m.py", "", "", "x = 1")], 2, seed=0) == [
        Mutant("m.py", "", "", "x = 1")
    ]


def test_the_tests_of_a_module() -> None:
    assert own_tests("mixpanel_pandas/payloads/ids.py") == (
        "tests/payloads/test_ids.py",
        "mixpanel_pandas/payloads/ids.py",
    )
    assert own_tests("mixpanel_pandas/delivery/state.py")[0] == "tests/delivery/test_upload_state.py"
    assert own_tests("mixpanel_pandas/delivery/reply.py")[0] == "tests/delivery/test_http.py"
    assert own_tests("mixpanel_pandas/delivery/journal/run.py")[0] == "tests/delivery/journal"
    first, *others = quick_subset("mixpanel_pandas/payloads/ids.py")
    assert first == "tests/payloads"
    assert {"tests/delivery", "tests/test_pipeline.py", "mixpanel_pandas"} <= set(others)
    assert "tests/browser" not in others


@pytest.mark.parametrize(
    ("status", "killed"),
    [(0, False), (5, False), (1, True), (2, True), (-9, True), (None, True)],
    ids=["passed", "no tests", "failed", "no import", "crashed", "too slow"],
)
def test_a_mutant_is_killed_by_whatever_is_no_success(status: int | None, killed: bool) -> None:
    assert Run(None, (), status=status).killed == killed


@pytest.mark.parametrize(("least", "status"), [(90.0, 0), (90.1, 1)])
def test_the_run_fails_below_its_limit(least: float, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    tried = [Mutant("m.py", "", "", f"x = {n}") for n in range(10)]
    assert report(tried, tried[:1], least, 60, 60) == status
    assert "9 of 10 mutants killed, 90.0 %" in capsys.readouterr().out


def test_modules_are_named_as_in_the_package() -> None:
    (module,) = {mutant.module for mutant in all_mutants(["payloads/ids.py"])}
    assert (ROOT / module).is_file()
    assert {mutant.module.split("/")[1] for mutant in all_mutants(FOLDERS)} == set(FOLDERS)


def test_modules_that_are_tested_elsewhere_are_there() -> None:
    for module, file in TESTED_IN.items():
        assert (ROOT / "mixpanel_pandas" / module).is_file()
        assert (ROOT / "tests" / Path(module).parent / file).is_file()


def test_each_explanation_is_of_a_mutant_that_is_there() -> None:
    there = {
        (mutant.module, *mutant.lines())
        for mutant in all_mutants({module.removeprefix("mixpanel_pandas/") for module, *_ in EQUIVALENT})
    }
    assert set(EQUIVALENT) <= there
