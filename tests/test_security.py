"""Secrets stay secret: nothing that is shown, kept or logged holds them, and nobody but the right server gets them."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.pipeline.line import NOWHERE
from mixpanel_pandas.project import REGIONS
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.options import ALL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "pa55/word+of=the&proxy"
ACCOUNT = {
    "username": "robot.1.mp-service-account",
    "secret": "s3cret+of/the=service&account",
    "project_id": 7,
}
#: Letters of a secret that nobody may see in a row.
PIECE = 10


def forms(secret: str) -> set[str]:
    """Return the pieces of a secret as it is, URL-coded, and base64-coded wherever it begins in a text."""
    plain = secret.encode()
    texts = {secret, secret.upper(), quote(secret, safe=""), "".join(f"%{byte:02X}" for byte in plain)}
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + plain).decode()
        texts |= {coded[4:-4], coded[4:-4].translate(str.maketrans("+/", "-_"))}
    return {text[at : at + PIECE] for text in texts for at in range(max(1, len(text) - PIECE + 1))}


@dataclass
class Scene:
    """An upload that goes as wrong as it can, and whatever it leaves behind."""

    project: mpd.Project
    folder: Path
    frame: pd.DataFrame
    summary: pd.DataFrame
    errors: list[pytest.ExceptionInfo[BaseException]]
    logged: str
    printed: str
    secrets: dict[str, str] = field(repr=False)


def known_to_project(values: dict[str, Any]) -> dict[str, Any]:
    """Return what a project takes of a service account."""
    return {
        name: value for name, value in values.items() if name in {one.name for one in fields(mpd.Project)}
    }


def project_at(url: str, emulator: mpd.Emulator) -> mpd.Project:
    """Return a project with a token and an account. They are no locals of the tests, whose tracebacks are searched."""
    return mpd.Project(str(emulator.token), url=url, backoff=0, **known_to_project(ACCOUNT))


def secrets_in(project: mpd.Project) -> str:
    """Return the secret of the account, and how it is sent."""
    login = base64.b64encode(f"{project.username}:{project.secret}".encode()).decode()
    return f"{project.secret} {login}"


@pytest.fixture
def scene(
    emulator: mpd.Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Scene:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@127.0.0.1:1")
    project = project_at(emulator.url, emulator)
    journal = {"journal": tmp_path / "journal.sqlite", "run": "one"} if "journal" in ALL_OPTIONS else {}
    frame = pd.DataFrame({"id": ["a", "b", "c"], "n": [1, 2, 3]})
    errors = []

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    with caplog.at_level(logging.DEBUG), mpd.set_project(project):
        for name in ("mixpanel_pandas", "urllib3", "requests"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        emulator.fail("echo", times=None)
        summary = frame.mixpanel.set("id", check=False, progress=True, **journal)
        with pytest.raises(mpd.UploadFailed) as raised:
            frame.mixpanel.append("id")
        errors.append(raised)
        monkeypatch.setattr("mixpanel_pandas.delivery.answers._parsed", broken)
        with pytest.raises(mpd.UploadError) as raised:
            frame.mixpanel.set("id")
        errors.append(raised)
        nobody = project_at("https://mixpanel.invalid", emulator)
        with mpd.set_project(nobody), pytest.raises(mpd.ConnectionFailed) as raised:
            frame.mixpanel.set("id")
        errors.append(raised)
        emulator.fail(401, body=secrets_in(project), on="read", times=None)
        with pytest.raises(mpd.AccountError) as raised:
            mpd.read_profiles(to=tmp_path / "profiles")
        errors.append(raised)
        with mpd.set_project(nobody), pytest.raises(mpd.PageFailed) as raised:
            mpd.read_profiles()
        errors.append(raised)
        with pytest.raises(mpd.ValidationError) as raised:
            frame.assign(n=b"x").mixpanel.set("id")
        errors.append(raised)
    captured = capsys.readouterr()
    summary.to_parquet(tmp_path / "summary.parquet", compression=None)
    logs, shown = caplog.text, captured.out + captured.err
    return Scene(project, tmp_path, frame, summary, errors, logs, shown, secrets_of(emulator))


def secrets_of(emulator: mpd.Emulator) -> dict[str, str]:
    return {"token": str(emulator.token), "password": PASSWORD, "secret": ACCOUNT["secret"]}


def with_locals(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def files_of(scene: Scene) -> bytes:
    """Return whatever lies in the folder: the summary in Parquet, and a journal where there is one."""
    found = [path for path in scene.folder.rglob("*") if path.is_file()]
    assert found
    return b"".join(path.read_bytes() for path in found)


def asked(scene: Scene) -> Any:
    return operation("set", "id", None, None, {"check": False})


#: Where somebody might look -> what is found there.
PLACES: dict[str, Callable[[Scene], str | bytes]] = {
    "the project": lambda scene: f"{scene.project!r} {scene.project} {mpd.set_project(scene.project)!r}",
    "logs of every library": lambda scene: scene.logged,
    "the terminal": lambda scene: scene.printed,
    "errors": lambda scene: " ".join(f"{one.value} {one.value!r}" for one in scene.errors),
    "tracebacks": lambda scene: " ".join(
        "".join(traceback.format_exception(one.value)) for one in scene.errors
    ),
    "tracebacks with locals": lambda scene: " ".join(with_locals(one.value) for one in scene.errors),
    "tracebacks of pytest": lambda scene: " ".join(
        str(one.getrepr(showlocals=True, truncate_locals=False)) for one in scene.errors
    ),
    "pickled errors": lambda scene: b"".join(pickle.dumps(one.value) for one in scene.errors),
    "the summary as text": lambda scene: scene.summary.to_string() + str(scene.summary.attrs),
    "the summary as CSV": lambda scene: scene.summary.to_csv() + mpd.totals(scene.summary).to_csv(),
    "the summary as HTML": lambda scene: scene.summary.to_html() + str(scene.summary._repr_html_()),
    "the pickled summary": lambda scene: pickle.dumps(scene.summary),
    "outcomes": lambda scene: scene.frame.mixpanel.outcomes(scene.summary).to_csv(),
    "payloads": lambda scene: str(scene.frame.mixpanel.payloads("set", "id").tolist()),
    "the operation": lambda scene: pickle.dumps(asked(scene)) + repr(asked(scene)).encode(),
    "the last summary": lambda scene: pickle.dumps(mpd.last_summary()),
    "files": files_of,
}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_there(scene: Scene, place: str) -> None:
    found = PLACES[place](scene)
    assert found
    text = found.decode("latin-1") if isinstance(found, bytes) else found
    for name, secret in scene.secrets.items():
        pieces = [piece for piece in forms(secret) if piece in text]
        assert not pieces, f"{place} shows the {name}: {pieces}"


def test_the_scene_holds_what_is_looked_for(scene: Scene, emulator: mpd.Emulator) -> None:
    """The server did send the token, and the log did see the requests."""
    assert any(emulator.token in str(request.records) for request in emulator.requests)
    assert "cannot read" in scene.summary["error"].iloc[0]
    assert "***" in scene.summary["error"].iloc[0]
    assert "urllib3" in scene.logged
    coded = base64.b64encode(f"xy{scene.secrets['token']}z".encode()).decode()
    assert [piece for piece in forms(scene.secrets["token"]) if piece in coded]


#: Uploads, forgets all of it, and prints what else of the process holds the token, a password or a value.
REMEMBERED = """
import gc, sys
import pandas as pd
import mixpanel_pandas as mpd

def upload(token, value, address):
    with mpd.set_project(mpd.Project(token, url=sys.argv[1], backoff=0)):
        frame = pd.DataFrame({"id": ["a", "b"], value[:3]: [value, value + "2"]})
        for verb in "set", "append":
            getattr(frame.mixpanel, verb)("id", check=False, progress=False)
        frame.mixpanel.set("id", [value[:3]], ip=address, check=False, progress=False)
        frame.mixpanel.group(value[:4]).set("id", missing="null", check=False, progress=False)

def holders(turned):
    found = []
    for holder in gc.get_objects():
        for held in gc.get_referents(holder):
            if isinstance(held, (str, bytes)) and len(held) < 1_000_000:
                text = held if isinstance(held, str) else held.decode("latin-1")
                if turned[::-1] in text:
                    found.append(f"{type(holder)} {str(holder)[:200]}")
    return found

turned = sys.stdin.read().split()
upload(*(one[::-1] for one in turned))
gc.collect()
print(*[holder for one in turned for holder in holders(one)], sep="\\n", end="")
"""


@pytest.mark.slow
def test_nothing_is_remembered_of_an_upload(emulator: mpd.Emulator) -> None:
    """No cache of this package or of one beneath it, and no object that outlives the call, holds a secret or a value."""
    emulator.fail("echo", times=1)
    turned = " ".join(
        secret[::-1] for secret in (emulator.token, "value-that-nobody-else-has", "203.0.113.77")
    )
    done = subprocess.run(
        [sys.executable, "-c", REMEMBERED, emulator.url],
        input=turned,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(emulator.requests) >= 4
    assert done.stdout == ""


def test_a_dry_run_goes_where_nobody_can_be() -> None:
    host = urlsplit(NOWHERE.base).hostname or ""
    assert host.endswith(".invalid")  # https://www.rfc-editor.org/rfc/rfc2606


NOTEBOOK = [
    "import pandas as pd, mixpanel_pandas as mpd\nfrom mixpanel_pandas.project import current_project\ncurrent_project()",
    "frame = pd.DataFrame({'id': ['a', 'b'], 'n': [1, 2]})\nframe.mixpanel.set('id', check=False)",
    "frame.mixpanel.payloads('set', 'id')",
    "frame.mixpanel.append('id')",
    "%xmode Verbose",
    "frame.mixpanel.append('id')",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # of the kernel's client
def test_no_secret_in_an_executed_notebook(emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient", reason="nothing to execute notebooks with is installed")
    monkeypatch.setenv("MIXPANEL_TOKEN", emulator.token)
    monkeypatch.setenv("MIXPANEL_URL", emulator.url)
    emulator.fail("echo", times=None)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in NOTEBOOK])
    nbclient.NotebookClient(
        notebook, timeout=1200, startup_timeout=600, allow_errors=True, kernel_name="python3"
    ).execute()
    text = json.dumps(notebook)
    assert text.count("UploadFailed") >= 2
    assert not [piece for piece in forms(emulator.token) if piece in text]


# Who gets them


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody vouches for, with its key."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    both = folder / "both.pem"
    command = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [openssl, *command.split(), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


@pytest.fixture
def impostor(certificate: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A server that says it is Mixpanel, and what it has been told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    told: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as wire:
                    while b"]" not in b"".join(told):
                        told.append(wire.recv(65_536))
                    wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1")
            except OSError:
                connection.close()

    thread = threading.Thread(target=listen)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", told
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    ("environment", "trusted"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""}, False, id="no bundle"),
        pytest.param({"PYTHONHTTPSVERIFY": "0", "SSL_VERIFY": "false", "NODE_TLS_REJECT_UNAUTHORIZED": "0"}, False, id="please"),
        pytest.param({"REQUESTS_CA_BUNDLE": "{certificate}"}, True, id="a bundle that vouches for it"),
    ],
)  # fmt: skip
def test_certificates_are_always_checked(
    impostor: tuple[str, list[bytes]],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    trusted: bool,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(certificate=certificate))
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    url, told = impostor
    frame = pd.DataFrame({"id": ["a"], "n": [1]})
    with mpd.set_project(mpd.Project("0" * 32, url=url, backoff=0)):
        if trusted:
            assert frame.mixpanel.set("id")["accepted"].sum() == 1
        else:
            with pytest.raises(mpd.ConnectionFailed, match="certificate verify failed"):
                frame.mixpanel.set("id")
    assert bool(told) == trusted


def test_nothing_can_be_asked_for_that_is_not_safe() -> None:
    parameters = {one.name for one in fields(mpd.Project)} | set(ALL_OPTIONS)
    assert not [name for name in parameters if "verify" in name or "cert" in name or "insecure" in name]
    assert all(url.startswith("https://") for url in REGIONS.values())


@pytest.mark.parametrize(
    "url",
    [
        "http://api.mixpanel.com", "HTTP://EXAMPLE.COM", "http://10.0.0.1", "http://0.0.0.0", "http://localhost.example",
        "http://127.0.0.1.example", "http://localhost@example.com", "http://example.com\\@localhost", "http://example.com#@localhost",
        "http://[::ffff:10.0.0.1]", "ftp://localhost", "//localhost", "http://", "http:localhost",
    ],
)  # fmt: skip
def test_the_token_never_travels_in_the_clear(url: str) -> None:
    with pytest.raises(mpd.ProjectError):
        mpd.Project("0" * 32, url=url)


def test_a_redirect_brings_the_token_nowhere(emulator: mpd.Emulator) -> None:
    with mpd.Emulator(token=str(emulator.token)) as elsewhere:
        emulator.fail(307, location=f"{elsewhere.url}/engage", times=None)
        summary = pd.DataFrame({"id": ["a"], "n": [1]}).mixpanel.set("id", check=False)
        assert summary["rejected"].sum() == 1
        assert not elsewhere.requests


def test_the_emulator_is_for_this_machine(emulator: mpd.Emulator) -> None:
    address = emulator._server._listener.socket.getsockname()[0]
    assert address == "127.0.0.1"
    for name in ("host", "address", "bind"):
        with pytest.raises(TypeError):
            mpd.Emulator(**{name: "0.0.0.0"})
