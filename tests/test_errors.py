from __future__ import annotations

import pickle

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from mixpanel_pandas.errors import choices, did_you_mean

FRAME = pd.DataFrame({"a": [1]})

#: An error of each class of the tree.
RAISED: list[BaseException] = [
    errors.MixpanelError("m"),
    errors.ProjectError("m"),
    errors.OperationError("m"),
    errors.ColumnNotFoundError("m"),
    errors.OptionError("m"),
    errors.AlreadySent("m"),
    errors.GuardError("m"),
    errors.DriftError("m", FRAME),
    errors.BackupError("m"),
    errors.DamagedFile("m"),
    errors.SummaryError("m"),
    errors.JournalError("m"),
    errors.MissingExtraError("m"),
    errors.ValidationError("m", FRAME),
    errors.ReadError("m", "folder"),
    errors.AccountError("m"),
    errors.AccessError("m"),
    errors.RegionError("m"),
    errors.SubscriptionError("m"),
    errors.QueryError("m"),
    errors.BudgetSpent("m", "folder", 90.0),
    errors.PageFailed("m", "folder"),
    errors.UploadError("m", FRAME),
    errors.ConnectionFailed("m", FRAME),
    errors.UploadFailed("m", FRAME),
    errors.CanaryFailed("m", FRAME),
    errors.UploadInterrupted("m", FRAME),
    errors.ProfileWarning("2 hints", "df.mixpanel.validate('set')"),
]


def test_every_class_is_tried() -> None:
    classes = {getattr(errors, name) for name in errors.__all__}
    assert {type(error) for error in RAISED} == classes
    assert all(name in mpd.__all__ for name in errors.__all__)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: BaseException) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    for name, value in vars(error).items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(getattr(copy, name), value)
        else:
            assert getattr(copy, name) == value


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ProjectError", ValueError),
        ("OperationError", ValueError),
        ("ColumnNotFoundError", KeyError),
        ("OptionError", TypeError),
        ("ValidationError", ValueError),
        ("GuardError", ValueError),
        ("DriftError", RuntimeError),
        ("BackupError", OSError),
        ("DamagedFile", ValueError),
        ("SummaryError", ValueError),
        ("JournalError", OSError),
        ("ConnectionFailed", ConnectionError),
        ("UploadFailed", RuntimeError),
        ("CanaryFailed", RuntimeError),
        ("AccountError", PermissionError),
        ("AccessError", PermissionError),
        ("RegionError", ValueError),
        ("SubscriptionError", PermissionError),
        ("QueryError", ValueError),
        ("BudgetSpent", RuntimeError),
        ("PageFailed", ConnectionError),
    ],
)
def test_an_error_is_the_builtin_that_people_catch(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)
    assert issubclass(getattr(errors, name), errors.MixpanelError)


def test_an_interruption_is_no_exception_that_is_caught_by_accident() -> None:
    assert issubclass(errors.UploadInterrupted, KeyboardInterrupt)
    assert not issubclass(errors.UploadInterrupted, Exception)


def test_a_column_that_is_not_found_says_so_without_quotes() -> None:
    assert str(errors.ColumnNotFoundError("no column 'a'")) == "no column 'a'"


@pytest.mark.parametrize(
    ("name", "names", "hint"),
    [
        pytest.param("emial", ["email", "plan"], "did you mean 'email'?", id="letters swapped"),
        pytest.param("EMAIL", ["email", "plan"], "did you mean 'email'?", id="other case"),
        pytest.param("xyz", ["email", "plan"], "there are 'email', 'plan'", id="nothing alike"),
        pytest.param("xyz", [], "there are none", id="nothing at all"),
        pytest.param(3, [1, 2], "there are 1, 2", id="numbers"),
    ],
)
def test_hint_for_a_mistyped_name(name: object, names: list[object], hint: str) -> None:
    assert did_you_mean(name, names) == hint


def test_a_long_list_is_counted() -> None:
    assert choices(range(25)).endswith("18, 19 and 5 more")
