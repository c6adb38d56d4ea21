"""Mixpanel's own clients write to the emulator and read from it: what they make of it is what keeps it honest.

Every client goes through the same steps, by the operators that it has, and must leave the same profiles. Addresses are set
through constructor arguments and instance attributes; nothing is patched.
"""

from __future__ import annotations

import json

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.emulator import Emulator
from mixpanel_pandas.rules.operators import OPERATORS

mixpanel = pytest.importorskip("mixpanel", reason="Mixpanel's own client is not installed")
mixpanel_utils = pytest.importorskip("mixpanel_utils", reason="Mixpanel's own tool is not installed")

#: Verb, id and operand, in order.
USER_STEPS = [
    ("set", "ann", {"plan": "free", "tags": ["a"], "note": "x", "city": None}),
    ("set", "ann", {"plan": "pro"}),
    ("set_once", "ann", {"plan": "none", "first": "2024-01-01T00:00:00"}),
    ("set_once", "new", {"first": "2024-02-29T00:00:00"}),
    ("add", "ann", {"credits": 5}),
    ("add", "ann", {"credits": -1.5, "plan": 1}),
    ("union", "ann", {"tags": ["b", "a"], "teams": ["red"]}),
    ("union", "ann", {"note": ["y"]}),
    ("append", "ann", {"log": "in"}),
    ("append", "ann", {"log": "in"}),
    ("append", "ann", {"log": {"page": "/"}, "note": "z"}),
    ("remove", "ann", {"tags": "a", "teams": "blue"}),
    ("remove", "nobody", {"tags": "a"}),
    ("unset", "ann", ["note", "missing"]),
    ("set", "bob", {"plan": "pro"}),
    ("delete", "bob", ""),
]

#: What those steps come to.
USERS = {
    "ann": {
        "plan": "pro",
        "tags": ["b"],
        "city": None,
        "first": "2024-01-01T00:00:00",
        "credits": 3.5,
        "teams": ["red"],
        "log": ["in", "in", {"page": "/"}],
    },
    "new": {"first": "2024-02-29T00:00:00"},
}

#: The same for the profiles of a group key.
GROUP_STEPS = [
    ("set", "acme", {"plan": "free", "sites": ["Ghent"], "note": "x"}),
    ("set_once", "acme", {"plan": "pro", "since": 2020}),
    ("union", "acme", {"sites": ["Lyon", "Ghent"]}),
    ("remove", "acme", {"sites": "Ghent"}),
    ("unset", "acme", ["note"]),
    ("set", "bust", {"plan": "free"}),
    ("delete", "bust", ""),
]
GROUPS = {"acme": {"plan": "free", "sites": ["Lyon"], "since": 2020}}

#: Names of verbs in the clients where they differ.
SYNONYMS = {"add": "increment"}


def test_the_steps_use_every_operator():
    assert {verb for verb, *_ in USER_STEPS} == set(OPERATORS)
    assert {verb for verb, *_ in GROUP_STEPS} == {
        verb for verb, operator in OPERATORS.items() if operator.groups
    }


@pytest.fixture
def emulator(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)  # where mixpanel-utils would leave its backups
    with Emulator(page_size=2) as emulator:
        yield emulator


def addresses(emulator):
    return {"people_url": f"{emulator.url}/engage", "groups_url": f"{emulator.url}/groups"}


@pytest.fixture
def client(emulator):
    """The SDK for servers, a request per update: a form with JSON in it."""
    consumer = mixpanel.Consumer(**addresses(emulator))
    yield mixpanel.Mixpanel(emulator.token, consumer=consumer)
    consumer._session.close()


@pytest.fixture
def buffered(emulator):
    """The same, updates collected: a form with a JSON array in it."""
    consumer = mixpanel.BufferedConsumer(**addresses(emulator))
    yield mixpanel.Mixpanel(emulator.token, consumer=consumer)
    consumer.flush()
    consumer._consumer._session.close()


@pytest.fixture
def utils(emulator):
    """The tool for bulk work: a form with base64 in it, and the Query API."""
    utils = mixpanel_utils.MixpanelUtils(
        emulator.service_account.secret,
        token=emulator.token,
        service_account_username=emulator.service_account.username,
        project_id=emulator.project_id,
        pool_size=2,
    )
    utils.import_api = emulator.url
    utils.formatted_api = f"{emulator.url}/api"
    return utils


def without_updated_at(frame):
    """Return profiles as dicts, less the time of the last update."""
    rows = frame.drop(columns="$last_seen", errors="ignore").to_dict("index")
    return {name: {key: value for key, value in row.items() if value == value} for name, row in rows.items()}


def people(client):
    for verb, identity, operand in USER_STEPS:
        write = getattr(client, f"people_{SYNONYMS.get(verb, verb)}")
        write(identity, *([] if verb == "delete" else [operand]))


def groups(client):
    for verb, identity, operand in GROUP_STEPS:
        write = getattr(client, f"group_{verb}")
        write("company", identity, *([] if verb == "delete" else [operand]))


def ours(steps, group=None):
    """Write the same steps with frames of one row."""
    for verb, identity, operand in steps:
        properties = operand if isinstance(operand, dict) else {}
        frame = pd.DataFrame([{"company": identity, **properties}]).astype(object)
        profiles = frame.mixpanel.group(group) if group else frame.mixpanel
        nulls = {"missing": "null"} if None in properties.values() else {}
        names = [operand] if isinstance(operand, list) else []
        getattr(profiles, verb)("company", *names, **nulls, repeat=True)


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.ProfileWarning")
def test_our_own_profiles_are_those_of_the_clients(emulator):
    with mpd.set_project(emulator.project):
        ours(USER_STEPS)
        ours(GROUP_STEPS, "company")
    assert without_updated_at(emulator.profiles()) == USERS
    assert without_updated_at(emulator.profiles("company")) == GROUPS


def test_mixpanel_writes_users(emulator, client):
    people(client)
    assert without_updated_at(emulator.profiles()) == USERS
    assert emulator.profiles()["$last_seen"].notna().all()
    assert {request.headers["content-type"] for request in emulator.requests} == {
        "application/x-www-form-urlencoded"
    }


def test_mixpanel_writes_groups(emulator, client):
    groups(client)
    assert without_updated_at(emulator.profiles("company")) == GROUPS


def test_mixpanel_writes_batches(emulator, buffered):
    people(buffered)
    groups(buffered)
    buffered._consumer.flush()
    assert [len(request.records) for request in emulator.requests] == [len(USER_STEPS), len(GROUP_STEPS)]
    assert without_updated_at(emulator.profiles()) == USERS
    assert without_updated_at(emulator.profiles("company")) == GROUPS


def test_mixpanel_writes_charges(emulator, client):
    client.people_track_charge("ann", 25, {"$time": "2024-01-01T00:00:00"})
    assert emulator.profile("ann")["$transactions"] == [{"$amount": 25, "$time": "2024-01-01T00:00:00"}]
    client.people_clear_charges("ann")
    assert "$transactions" not in emulator.profile("ann")


def test_mixpanel_sets_the_fields_of_a_record(emulator, client):
    client.people_set("ann", {"n": 1}, meta={"$time": 0, "$ip": "8.8.8.8", "$ignore_alias": True})
    assert emulator.profile("ann")["$last_seen"] == "1970-01-01T00:00:00"
    assert "$city" in emulator.profile("ann")
    client.people_set("bob", {"n": 1}, meta={"$ignore_time": True})
    assert emulator.profile("bob") == {"n": 1}


@pytest.mark.parametrize(
    ("write", "error"),
    [
        pytest.param(
            lambda client: client.people_set("", {"n": 1}), r"\$distinct_id, missing or empty", id="empty id"
        ),
        pytest.param(
            lambda client: client.people_increment("a", {"n": "1"}),
            r"\$add\.n, must be a number",
            id="text to add",
        ),
        pytest.param(
            lambda client: client.people_set("a", {"n": float("nan")}),
            "data, not a list of objects in JSON",
            id="NaN",
        ),
        pytest.param(
            lambda client: client.group_update({"$group_key": "company", "$group_id": "a", "$add": {"n": 1}}),
            r"\$add, not supported in group profiles",
            id="add to a group",
        ),
    ],
)
def test_mixpanel_understands_a_refusal(emulator, client, write, error):
    with pytest.raises(mixpanel.MixpanelException, match=f"Mixpanel error: {error}"):
        write(client)
    assert emulator.applied == []


def test_mixpanel_reports_faults(emulator, client):
    emulator.fail("garbage")
    with pytest.raises(mixpanel.MixpanelException, match="Cannot interpret Mixpanel server response"):
        client.people_set("ann", {"n": 1})
    emulator.fail("reset")
    with pytest.raises(mixpanel.MixpanelException, match="Connection reset by peer"):
        client.people_set("ann", {"n": 1})


def test_utils_writes_users(emulator, utils):
    for verb, identity, operand in USER_STEPS:
        values = [] if verb == "delete" else [operand]
        getattr(utils, f"people_{verb}")(*values, profiles=[{"$distinct_id": identity}], backup=False)
    assert "$last_seen" not in emulator.profiles()  # it asks to leave the time of the last update alone
    assert without_updated_at(emulator.profiles()) == USERS


def test_utils_imports_records_as_they_are(emulator, utils):
    records = [
        {"$token": emulator.token, "$distinct_id": identity, f"${verb}": operand, "$ip": "0"}
        for verb, identity, operand in USER_STEPS
    ]
    utils.import_people(records, raw_record_import=True)
    assert without_updated_at(emulator.profiles()) == USERS


PEOPLE = {f"user {number}": {"n": number, "$email": f"{number % 4}@example.org"} for number in range(5)}


@pytest.fixture
def written(emulator, utils):
    utils.import_people(
        [{"$distinct_id": name, "$properties": properties} for name, properties in PEOPLE.items()]
    )
    return utils


def test_utils_reads_all_pages(emulator, written):
    profiles = {row["$distinct_id"]: row["$properties"] for row in written.query_engage()}
    assert profiles == PEOPLE
    assert len([request for request in emulator.requests if request.path == "/api/2.0/engage"]) == 3


def test_utils_reads_by_condition(written):
    found = written.query_engage({"where": 'properties["n"] == 3', "output_properties": ["n"]})
    assert found == [{"$distinct_id": "user 3", "$properties": {"n": 3}}]


def test_utils_exports(written, tmp_path):
    written.export_people(str(tmp_path / "people.json"))
    rows = json.loads((tmp_path / "people.json").read_text())
    assert {row["$distinct_id"]: row["$properties"] for row in rows} == PEOPLE


def test_utils_renames_a_property(emulator, written):
    assert written.people_change_property_name("n", "number", backup=False) == 5
    assert emulator.profile("user 3") == {"number": 3, "$email": "3@example.org"}


def test_utils_removes_duplicates(emulator, written):
    for name in ("user 0", "user 4"):  # the time of the last update decides which one stays
        record = {
            "$token": emulator.token,
            "$distinct_id": name,
            "$set": {},
            "$time": 1_700_000_000 + int(name[-1]),
        }
        written.import_people([record], raw_record_import=True)
    written.deduplicate_people(prop_to_match="$email", merge_props=True, backup=False)
    assert list(emulator.profiles().index) == ["user 1", "user 2", "user 3", "user 4"]
