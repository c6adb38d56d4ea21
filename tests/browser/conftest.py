"""A real JupyterLab in a real Chromium, both on this machine alone."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nbformat
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator, Page

ROOT = Path(__file__).parents[2]

#: Package -> what it is here for.
PACKAGES = {
    "jupyterlab": "jupyterlab",
    "PIL": "pillow",
    "playwright": "playwright",
    "axe_playwright_python": "axe-playwright-python",
}

#: Names of Chromium on the path.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

HOW = "pip install '.[test,browser]' and apt-get install chromium"

#: Chromium talks to nobody but the page, and works for root.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

#: Seconds that anything may take on a busy machine before a test gives up.
PATIENCE = 30

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

#: Ends when the notebook is there, and has its kernel if it is to have one.
READY = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
}"""

#: Ends when the notebook has no kernel any more.
SHUTDOWN = """async () => {
    const context = window.jupyterapp.shell.currentWidget.sessionContext;
    if (context.session) await context.shutdown();
}"""

#: What the widget manager of ipywidgets throws by itself when a notebook is opened without a kernel.
KNOWN = "Cannot read properties of null (reading 'kernel')"

#: What JupyterLab would do differently for a person, by plugin.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {
        "windowingMode": "none"
    },  # cells out of sight stay in the page
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}


def missing() -> list[str]:
    """Return what a browser test needs and this machine lacks."""
    browser = [] if any(map(shutil.which, CHROMIUM)) else ["chromium"]
    return browser + [name for module, name in PACKAGES.items() if find_spec(module) is None]


@pytest.fixture(scope="session", autouse=True)
def _equipped(request: pytest.FixtureRequest) -> None:
    if lacking := missing():
        give_up = pytest.fail if request.config.getoption("--browser") else pytest.skip
        give_up(f"browser tests lack {', '.join(lacking)}: {HOW}")


@dataclass(frozen=True)
class Server:
    """A running JupyterLab."""

    url: str
    token: str
    root: Path


@pytest.fixture(scope="session")
def server(_equipped: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home, root = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("notebooks")
    token = secrets.token_hex(16)
    write_json(
        home / "config" / "jupyter_server_config.json",
        {
            "ServerApp": {
                "ip": "127.0.0.1",
                "port": 0,
                "open_browser": False,
                "allow_root": True,
                "root_dir": str(root),
            },
            "LabApp": {
                "expose_app_in_browser": True,
                "extension_manager": "readonly",
                "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                "news_url": None,
            },
        },
    )
    shutil.copytree(ROOT / "notebooks" / "data", root / "data")
    write_json(home / "config" / "labconfig" / "default_setting_overrides.json", SETTINGS)
    places = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {name: str(place) for name, place in places.items()}
    environment |= {"JUPYTER_TOKEN": token, "JUPYTER_NO_CONFIG": "", "PYTHONPATH": paths}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab"],
            env=environment,
            cwd=root,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Server(address(process, home), token, root)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def address(process: subprocess.Popen[bytes], home: Path) -> str:
    """Wait until JupyterLab listens; return where."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        for path in (home / "runtime").glob("jpserver-*.json"):
            try:
                return str(json.loads(path.read_text(encoding="utf-8"))["url"])
            except ValueError:  # it is being written
                pass
        time.sleep(0.1)
    pytest.fail("JupyterLab does not start:\n" + (home / "log").read_text(encoding="utf-8")[-4000:])


@pytest.fixture(
    scope="module"
)  # while it runs, this thread has an event loop, which tests of other modules cannot have
def browser(_equipped: None) -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE * 1000)
    executable = next(filter(None, map(shutil.which, CHROMIUM)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """A window that reaches JupyterLab and nobody else; it fails the test if a page tried, or threw an error."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 1800},
        reduced_motion="reduce",
        extra_http_headers={"Authorization": f"token {server.token}"},
    )
    context.set_default_timeout(PATIENCE * 1000)
    outside, errors = [], []

    def only_here(route: Any) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route(re.compile("^https?:"), only_here)
    context.on("weberror", lambda error: KNOWN in str(error.error) or errors.append(error.error.stack))
    context.on("dialog", lambda dialog: (errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield context
    context.close()
    assert (outside, errors) == ([], [])


class Notebook:
    """A notebook in JupyterLab, as a person uses it."""

    def __init__(self, page: Page, server: Server, name: str) -> None:
        self.page, self.server, self.path = page, server, server.root / f"{name}.ipynb"
        self.node = page.locator(".jp-NotebookPanel:visible")

    def write(self, *cells: str) -> None:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}},
        )
        nbformat.write(notebook, self.path)

    def open(self, *, kernel: bool = True) -> None:
        self.page.goto(f"{self.server.url}lab?reset")
        self.page.wait_for_function("window.jupyterapp && window.jupyterapp.restored.then(() => true)")
        self.execute("docmanager:open", {"path": self.path.name, "kernelPreference": {"shouldStart": kernel}})
        self.node.locator(".jp-Notebook").wait_for()
        self.page.evaluate(READY)

    def cell(self, number: int) -> Locator:
        """Return a cell, the first being 1."""
        return self.node.locator(".jp-Notebook .jp-Cell").nth(number - 1)

    def output(self, number: int) -> Locator:
        return self.cell(number).locator(".jp-Cell-outputArea")

    def start(self, number: int) -> None:
        """Run a cell, and do not wait for its end."""
        editor = self.cell(number).locator(".cm-content")
        editor.click()
        editor.press("Control+Enter")

    def run(self, number: int) -> Locator:
        """Run a cell to its end; return what it shows."""
        self.start(number)
        self.ended(number)
        return self.output(number)

    def ended(self, number: int) -> None:
        self.cell(number).locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[\d+\]:")).wait_for()

    def press(self, button: str) -> None:
        """Press a button of the notebook's toolbar, named by its command."""
        self.node.locator(f'.jp-Toolbar [data-command="{button}"]').click()

    def save(self) -> str:
        """Save as Ctrl+S does; return the text of the file."""
        before = self.path.stat().st_mtime_ns
        self.execute("docmanager:save")
        assert self.path.stat().st_mtime_ns != before
        return self.path.read_text(encoding="utf-8")

    def close_kernel(self) -> None:
        self.page.evaluate(SHUTDOWN)

    def theme(self, name: str) -> None:
        """Change to "JupyterLab Light" or "JupyterLab Dark"."""
        self.execute("apputils:change-theme", {"theme": name})
        light = json.dumps(name.endswith("Light"))
        self.page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")

    def execute(self, command: str, arguments: dict[str, Any] | None = None) -> None:
        self.page.evaluate(
            "([command, options]) => window.jupyterapp.commands.execute(command, options).then(() => null)",
            [command, arguments or {}],
        )


@pytest.fixture
def notebook(
    context: BrowserContext, server: Server, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook of the given cells."""
    opened = []

    def open_one(*cells: str) -> Notebook:
        notebook = Notebook(
            context.new_page(), server, re.sub(r"\W+", "_", request.node.name) + str(len(opened))
        )
        notebook.write(*cells)
        notebook.open()
        opened.append(notebook)
        return notebook

    yield open_one
    for notebook in opened:
        notebook.theme("JupyterLab Light")
        notebook.close_kernel()


@pytest.fixture
def barriers() -> Callable[[Page, str], list[str]]:
    """Return what axe finds serious or critical in the part of a page that a selector names."""
    from axe_playwright_python.sync_playwright import Axe

    def find(page: Page, selector: str) -> list[str]:
        page.add_style_tag(
            content="body { height: 100vh }"
        )  # without a height axe takes everything for hidden
        found = Axe().run(page, selector).response["violations"]
        return [
            f"{fault['id']}: {fault['help']}: {node['html']}"
            for fault in found
            if fault["impact"] in {"serious", "critical"}
            for node in fault["nodes"]
        ]

    return find


@pytest.fixture
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, Locator], None]:
    """Take a picture of a part of the page, for a person to look at: into --pictures, or a directory of the test."""
    from PIL import Image

    folder = Path(request.config.getoption("--pictures") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(name: str, part: Locator) -> None:
        shot = part.screenshot(animations="disabled", caret="hide")
        with Image.open(BytesIO(shot)) as image:  # 128 colours are a third of the bytes, and look the same
            image.convert("RGB").quantize(128).save(folder / f"{name}.png", optimize=True)

    return take
