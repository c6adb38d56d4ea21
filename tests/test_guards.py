"""What belongs to the user is guarded and named: columns, functions, values in messages. A bug of ours is shown as one."""

from __future__ import annotations

import decimal
import signal

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.errors import calling, reading_column

SECRET = "ann@example.org"


class Raising(dict):
    """An object whose keys and values cannot be read."""

    def __init__(self, error):
        super().__init__(a=1)
        self.error = error

    def items(self):
        raise self.error


def cell_that_raises(base, method, *value):
    """Return the function from an exception to a value of a class derived from `base`, of which `method` raises it."""

    def make(error):
        return type("Cell", (base,), {method: raising(error)})(*value)

    return make


class Unshowable:
    def __repr__(self):
        raise RuntimeError(SECRET)


def frame_of(value):
    column = np.empty(2, dtype=object)
    column[:] = [value, {"a": 1}]
    return pd.DataFrame({"id": ["a", "b"], "p": column})


def raising(error):
    def function(*_arguments, **_options):
        raise error

    return function


PLAIN = pd.DataFrame({"id": ["a", "b"], "p": ["x", "y"]})


def payloads(values, **options):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(len(values))], "p": column, "n": 1})
    return frame.mixpanel.payloads("set", **{"id": "id", **options})


LISTS = cell_that_raises(list, "__iter__", [1])
BLANKS = cell_that_raises(str, "strip", " ")
DECIMALS = cell_that_raises(decimal.Decimal, "__str__", "1.5")
FLOATS = cell_that_raises(float, "__abs__", 1.5)
OBJECTS = cell_that_raises(dict, "get", {"k": 1})

#: Calls that meet an exception of the user's, given the exception.
USERS = [
    pytest.param(lambda error: payloads([LISTS(error), 1]), "column 'p'", id="a list among other values"),
    pytest.param(lambda error: payloads([LISTS(error)]), "column 'p'", id="a column of lists"),
    pytest.param(lambda error: payloads([DECIMALS(error), "a"]), "column 'p'", id="a decimal"),
    pytest.param(
        lambda error: payloads([BLANKS(error), 1], blank="missing"),
        "column 'p'",
        id="a text that may be blank",
    ),
    pytest.param(
        lambda error: payloads([LISTS(error), "1"], parse={"p": "json"}),
        "column 'p'",
        id="a list beside text that is parsed",
    ),
    pytest.param(
        lambda error: payloads([OBJECTS(error)], spread=["p"]), "column 'p'", id="an object that is spread"
    ),
    pytest.param(
        lambda error: payloads([FLOATS(error), "a"], id="p"),
        "column 'p'",
        id="an id",
    ),
    pytest.param(lambda error: payloads([LISTS(error), "a"], ip="p"), "column 'p'", id="an address"),
    pytest.param(
        lambda error: frame_of(Raising(error)).mixpanel.payloads("set", "id"), "column 'p'", id="a column"
    ),
    pytest.param(
        lambda error: PLAIN.mixpanel.payloads("set", "id", rename=raising(error)),
        "rename failed on column 'p'",
        id="rename",
    ),
]

SCHEMA = [
    pytest.param(
        lambda error: pandera.DataFrameSchema({"p": pandera.Column(checks=pandera.Check(raising(error)))}),
        id="a check of the user's schema",
    ),
]


@pytest.mark.parametrize("error", [ValueError(SECRET), AttributeError(SECRET)], ids=["value", "attribute"])
@pytest.mark.parametrize(("call", "named"), USERS)
def test_what_the_users_code_raises_is_named_without_its_text(call, named, error):
    with pytest.raises(mpd.OperationError, match=named) as caught:
        call(error)
    assert type(error).__name__ in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [MemoryError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()], ids=repr
)
@pytest.mark.parametrize(("call", "named"), USERS)
def test_what_ends_the_call_passes_the_guards(call, named, error):
    with pytest.raises(type(error)) as caught:
        call(error)
    assert caught.value is error


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("schema", SCHEMA)
def test_what_ends_the_call_passes_pandera(schema, error):
    with pytest.raises(type(error)):
        PLAIN.mixpanel.validate("set", "id", schema=schema(error))


@pytest.mark.parametrize("schema", SCHEMA)
def test_a_check_of_the_user_that_raises_is_reported_without_its_text(schema):
    report = PLAIN.mixpanel.validate("set", "id", schema=schema(ValueError(SECRET)))
    (message,) = report["message"]
    assert message.endswith("raised ValueError")


class Striking(dict):
    """A signal strikes while its values are read."""

    def items(self):
        signal.raise_signal(signal.SIGUSR1)
        return super().items()


class Handler:
    def __call__(self, _number, _frame):
        raise TimeoutError(SECRET)

    def method(self, _number, _frame):
        raise TimeoutError(SECRET)


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(raising(TimeoutError(SECRET)), id="a function"),
        pytest.param(Handler(), id="an object"),
        pytest.param(Handler().method, id="a method"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: frame_of(Striking(a=1)).mixpanel.set("id", dry_run=True), id="a column"),
        pytest.param(
            lambda: PLAIN.mixpanel.validate(
                "set",
                "id",
                schema=pandera.DataFrameSchema(
                    checks=pandera.Check(lambda _: signal.raise_signal(signal.SIGUSR1) or True)
                ),
            ),
            id="a schema",
        ),
    ],
)
@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal")
def test_what_a_signal_handler_raises_is_raised(handler, call):
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(TimeoutError):
            call()
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    "place",
    [
        "payloads.layout.ip_source",
        "checking.decisions.column_findings",
        "checking.decisions.scan_values",
        "checking.scan.findings_of_slice",
        "checking.decisions.encode_slice",
        "payloads.envelope.escaped",
        "payloads.ids.Normalised",
        "payloads.json_text._suspects",
        "payloads.measures.json_findings",
        "payloads.normalise._as_json",
        "payloads.normalise._from_arrow",
        "payloads.normalise._from_json",
        "payloads.normalise._masks",
        "payloads.normalise.read_texts",
    ],
)
@pytest.mark.parametrize("call", ["validate", "payloads", "set"])
def test_a_bug_of_ours_is_shown_as_one(monkeypatch, place, call):
    frame = pd.DataFrame(
        {"id": ["a"], "p": ["x" * 1_100_000], "list": "a;b", "json": "[1]", "list and objects": [[{"k": 1}]]}
    )
    arguments = ("id",) if call == "set" else ("set", "id")
    options = {"parse": {"list": ";", "json": "json"}, **({"dry_run": True} if call == "set" else {})}
    monkeypatch.setattr(f"mixpanel_pandas.{place}", raising(AttributeError("a bug")))
    with pytest.raises(AttributeError, match="a bug"):
        getattr(frame.mixpanel, call)(*arguments, **options)


def test_guards_let_our_own_errors_and_warnings_pass():
    for error in (mpd.ProjectError("no token"), UserWarning("careful")):
        for guard in (reading_column("p"), calling("rename failed")):
            with pytest.raises(type(error)) as caught, guard:
                raise error
            assert caught.value is error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: pd.DataFrame({"id": ["a"], Unshowable(): [b"x"]}).mixpanel.payloads("set", "id"),
            "column <Unshowable: cannot be shown> cannot be converted to text",
            id="a label",
        ),
        pytest.param(
            lambda: PLAIN.mixpanel.payloads("set", Unshowable()),
            "id column <Unshowable: cannot be shown> is not in the frame",
            id="an id",
        ),
        pytest.param(
            lambda: PLAIN.mixpanel.payloads("set", "id", updated_at=Unshowable()),
            "updated_at=<Unshowable: cannot be shown> must be",
            id="an option",
        ),
        pytest.param(
            lambda: pd.DataFrame({"id": [Unshowable()], "p": [1]}).mixpanel.payloads("set", "id"),
            "untyped_id in 'id': 1 row, the id is neither text nor a whole number: convert it to text; first at index 0: 'cannot be shown'",
            id="a value",
        ),
        pytest.param(
            lambda: pd.DataFrame({"id": [None], "p": [1]}, index=[Unshowable()]).mixpanel.payloads(
                "set", "id"
            ),
            "first at index 'cannot be shown'",
            id="a label of a row",
        ),
    ],
)
def test_a_message_is_shown_whatever_the_value_is(call, message):
    with pytest.raises(mpd.MixpanelError) as caught:
        call()
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
