"""`mpd.upload`: any source, one call; every record has an outcome."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.emulator import Emulator
from mixpanel_pandas.pipeline import upload

if TYPE_CHECKING:
    from pathlib import Path

CSV = "user_id,plan,credits\n007,pro,12\n008,,7\n"


@pytest.fixture
def emulator():
    with Emulator() as running, mpd.set_project(running.project):
        yield running


def file(tmp_path, text, name="users.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_and_sent(emulator, tmp_path):
    summary = mpd.upload(file(tmp_path, CSV), "set", "user_id")
    assert summary["accepted"].sum() == 2
    assert emulator.profile("007") == {"plan": "pro", "credits": 12}
    assert emulator.profile("008") == {"credits": 7}
    assert summary.attrs["mixpanel"]["parse"] == "parse={'credits': 'number'}"


def test_groups_and_options_of_both_kinds(emulator, tmp_path):
    path = file(tmp_path, "company|amount\n1|1.234,5\n2|N/A\n")
    summary = mpd.upload(
        path,
        "set",
        group="company",
        delimiter="pipe",
        na="common",
        parse={"amount": "number:1.234,5"},
        rename={"amount": "Amount"},
    )
    assert emulator.profile("1", "company") == {"Amount": 1234.5}
    assert summary["skipped"].sum() == 1


def test_columns_that_become_properties_of_text_stay_text(emulator, tmp_path):
    mpd.upload(file(tmp_path, "user_id,tel,n\na,15550100,1\n"), "set", "user_id", rename={"tel": "$name"})
    assert emulator.profile("a") == {"$name": "15550100", "n": 1}


@pytest.mark.parametrize("invalid", ["drop_row", {"malformed_record": "drop_row"}])
def test_malformed_records_have_an_outcome(emulator, tmp_path, caplog, invalid):
    path = file(tmp_path, "user_id,plan\na,pro\nb\nc,free,3\nd,pro\n")
    summary = mpd.upload(path, "set", "user_id", invalid=invalid)
    assert summary[["rows", "outcome", "reason", "start", "stop"]].values.tolist()[-1] == [
        2,
        "invalid",
        "malformed record",
        2,
        2,
    ]
    assert "record 3 has 1 value, not 2" in summary["error"].iloc[-1]
    assert "2 malformed records left out: " in caplog.text
    assert summary["rows"].sum() == 4
    counts = mpd.totals(summary).groupby("outcome", observed=True)["rows"].sum()
    assert counts.to_dict() == {"accepted": 2, "invalid": 2}
    frame = mpd.frame(file(tmp_path, "user_id,plan\na,pro\nd,pro\n"))
    assert frame.mixpanel.outcomes(summary)["outcome"].tolist() == ["accepted"] * 2
    assert len(frame.mixpanel.failures(summary)) == 0


def test_all_records_of_a_file_may_be_malformed(emulator, tmp_path):
    path = file(tmp_path, "user_id,plan\nb\n")
    summary = mpd.upload(path, "set", "user_id", invalid="drop_row")
    assert summary["rows"].tolist() == [1]
    assert summary["outcome"].tolist() == ["invalid"]


@pytest.mark.parametrize("invalid", ["raise", "drop_value", "truncate", {"blank_id": "drop_row"}])
def test_malformed_records_are_refused(emulator, tmp_path, invalid):
    with pytest.raises(mpd.ValidationError, match=r"2 malformed records: .*record 3 has 1 value, not 2"):
        mpd.upload(file(tmp_path, "user_id,plan\na,pro\nb\nc,free,3\n"), "set", "user_id", invalid=invalid)
    assert not emulator.requests


def test_a_source_that_fails_half_way_sends_nothing(emulator):
    def pieces():
        yield pd.DataFrame({"user_id": ["a"], "n": [1]})
        msg = "connection lost"
        raise RuntimeError(msg)

    with pytest.raises(mpd.OperationError, match="connection lost"):
        mpd.upload(pieces(), "set", "user_id")
    assert not emulator.requests


@pytest.mark.parametrize("name", ["again.csv", "again.parquet"])
def test_failures_say_what_became_of_a_row_and_are_sent_without_that(emulator, tmp_path, name):
    path = file(tmp_path, 'user_id,plan\na,pro\n"",free\nnull,x\n')
    again = tmp_path / name
    summary = mpd.upload(path, "set", "user_id", invalid="drop_row", failures=again)
    assert summary["accepted"].sum() == 1
    failures = mpd.frame(again)
    assert failures["mixpanel_check"].tolist() == ["blank_id", "junk_id"]
    assert failures["mixpanel_outcome"].tolist() == ["invalid", "invalid"]
    assert failures["mixpanel_error"].str.len().min() > 0
    mended = failures.assign(user_id=["b", "c"])
    mended.to_parquet(tmp_path / "mended.parquet")
    mpd.upload(tmp_path / "mended.parquet", "set", "user_id")
    assert emulator.profile("b") == {"plan": "free"}


def test_failures_are_written_when_the_upload_ends_early(emulator, tmp_path):
    emulator.fail("status", status=401)
    with pytest.raises(mpd.UploadError) as raised:
        mpd.upload(file(tmp_path, CSV), "set", "user_id", failures=tmp_path / "f.csv", check=True)
    assert raised.value.summary["rows"].sum() == 2
    failures = mpd.frame(tmp_path / "f.csv", id="user_id")
    assert failures["user_id"].tolist() == ["007", "008"]
    assert failures["mixpanel_check"].isna().all()


def test_the_summary_is_not_lost_where_the_failures_cannot_be_written(emulator, tmp_path, monkeypatch):
    def full(*_args):
        msg = "disk full"
        raise OSError(msg)

    monkeypatch.setattr(upload, "write_table", full)
    with pytest.raises(
        mpd.UploadError, match=r"the upload has ended, .* was not written: OSError: disk full"
    ) as raised:
        mpd.upload(file(tmp_path, CSV), "set", "user_id", failures=tmp_path / "f.csv")
    assert raised.value.summary["accepted"].sum() == 2
    assert not (tmp_path / "f.csv").exists()


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        pytest.param(
            "f.xlsx",
            "the name of the file must end in '.csv', '.csv.gz', '.jsonl', '.ndjson', '.parquet', '.pq'",
            id="ending",
        ),
        pytest.param("none/f.csv", "is not a folder that can be written to", id="folder"),
        pytest.param("users.csv", "is a file that is read", id="source"),
    ],
)
def test_failures_that_cannot_be_written_are_refused_before_anything_is_read(
    emulator, tmp_path, failures, message
):
    path = file(tmp_path, "no,table\n1\n")
    with pytest.raises(mpd.OperationError, match=message):
        mpd.upload(path, "set", "user_id", failures=tmp_path / failures)
    assert not emulator.requests


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(
            {"verb": "set", "delimitr": ";"}, mpd.OptionError, "did you mean 'delimiter'", id="option"
        ),
        pytest.param({"verb": "sett"}, mpd.OperationError, "did you mean 'set'", id="verb"),
        pytest.param(
            {"verb": "set", "invalid": {"malformed_record": "truncate"}},
            mpd.OperationError,
            "is not one of 'raise', 'drop_row'",
            id="remedy",
        ),
    ],
)
def test_mistakes_are_refused_before_anything_is_read(call, error, message):
    verb = call.pop("verb")
    source = io.BytesIO(CSV.encode())
    with pytest.raises(error, match=message):
        mpd.upload(source, verb, "user_id", format="csv", **call)
    assert source.tell() == 0


def test_without_a_project_nothing_is_read():
    source = io.BytesIO(CSV.encode())
    with pytest.raises(mpd.ProjectError):
        mpd.upload(source, "set", "user_id", format="csv")
    assert source.tell() == 0


def test_the_malformed_records_are_shown_and_drawn(emulator, tmp_path):
    path = file(tmp_path, "user_id,plan\na,pro\nb\n")
    summary = mpd.upload(path, "set", "user_id", invalid="drop_row")
    assert "malformed record" in str(mpd.show(summary))
    pytest.importorskip("matplotlib")
    mpd.plot(summary)
    summary.to_parquet(tmp_path / "summary.parquet")
    again = pd.read_parquet(tmp_path / "summary.parquet")
    assert mpd.totals(again)["rows"].sum() == 2


def test_json_lines_keep_their_types(emulator, tmp_path):
    lines = '{"id": 1, "v": {"a": [1]}, "n": 1}\n{"id": "x", "v": "text", "n": 2.5}\n{"id": "y", "v": 3}\n'
    with pytest.warns(mpd.ProfileWarning, match="mixed_types"):
        mpd.upload(file(tmp_path, lines, "t.jsonl"), "set", "id")
    assert [emulator.profile(name) for name in ("1", "x", "y")] == [
        {"v": {"a": [1]}, "n": 1},
        {"v": "text", "n": 2.5},
        {"v": 3},
    ]


def test_readings_of_columns_that_options_name_count_while_the_source_is_read(
    emulator: mpd.Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "places.csv"
    path.write_text("id,lat,lon,plan\na,52.5,13.4,pro\n", encoding="utf-8")
    parse = {"lat": "number", "lon": "number"}
    options: dict[str, Any] = {"latitude": "lat", "longitude": "lon", "parse": parse, "infer": False}
    mpd.upload(path, "set", "id", **options)
    (record,) = emulator.requests[0].records
    assert (record["$latitude"], record["$longitude"], record["$set"]) == (52.5, 13.4, {"plan": "pro"})
    path.write_text("id,lat,lon,plan\na,north,13.4,pro\n", encoding="utf-8")
    with pytest.raises(mpd.ValidationError, match="north"):
        mpd.upload(path, "set", "id", **options)
    with pytest.raises(mpd.OperationError, match="not among the columns that are sent: parse: 'id'"):
        mpd.upload(path, "set", "id", parse={"id": "number"})


def warnings_of(source: Any, **options: Any) -> list[str]:
    with pytest.warns(mpd.ProfileWarning) as caught:
        mpd.upload(source, "set", "user_id", **options)
    return [str(warning.message) for warning in caught]


def test_the_warning_names_a_call_that_shows_the_findings(emulator, tmp_path):
    [warning] = warnings_of(pd.DataFrame({"user_id": ["a"], "v": ["5"]}), dry_run=True)
    assert "mpd.frame(source, id='user_id').mixpanel.validate('set', 'user_id'" in warning
    path = file(tmp_path, "user_id;email\na;a@example.com\n")
    [warning] = warnings_of(path, delimiter=";", dry_run=True)
    code = warning.partition(": ")[2].removesuffix(" shows them")
    assert code.startswith(f"mpd.frame({str(path)!r}, id='user_id', delimiter=';').mixpanel.validate(")
    assert set(eval(code, {"mpd": mpd})["check"]) == {"lookalike"}


@pytest.mark.parametrize(
    ("text", "name", "options", "check"),
    [
        pytest.param('{"user_id":"a","v":1}\n{"user_id":"b","v":"x"}\n', "t.jsonl", {}, "mixed_types", id="types"),
        pytest.param("a,x\nb,y\n", "t.csv", {"header": False}, "no_header", id="header"),
    ],
)  # fmt: skip
def test_files_are_warned_of_like_frames(emulator, tmp_path, text, name, options, check):
    with pytest.warns(mpd.ProfileWarning, match=check):
        mpd.upload(
            file(tmp_path, text, name), "set", "column_1" if options else "user_id", dry_run=True, **options
        )


def test_json_of_one_type_is_no_mix(emulator, tmp_path, recwarn):
    path = file(tmp_path, '{"user_id":"a","v":{"k":1}}\n{"user_id":"b","v":null}\n', "t.jsonl")
    mpd.upload(path, "set", "user_id", dry_run=True)
    assert not recwarn.list


def test_the_last_summary_counts_malformed_records(emulator, tmp_path):
    summary = mpd.upload(file(tmp_path, "user_id,v\na,x\nb\n"), "set", "user_id", invalid="drop_row")
    pd.testing.assert_frame_equal(mpd.last_summary(), summary)
    assert summary["rows"].tolist() == [1, 1]


def test_a_reading_that_fails_is_named(emulator, tmp_path):
    with pytest.raises(mpd.ValidationError, match=r"parse=\{'v': 'number'\} cannot read the text"):
        mpd.upload(file(tmp_path, "user_id,v\na,x\n"), "set", "user_id", parse={"v": "number"})
