"""Takes the pictures of the desk that README and documents show, from a demo workspace.

    python docs/take_images.py [--home .handrail-demo] [--into docs/images]

It works on a copy, so the demo stays as it is. Every page is taken at 1280 and at 390 pixels, the review also dark.
"""

import argparse
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from desk.alerting import Alerting  # noqa: E402 - found from the root
from desk.app import create_app  # noqa: E402 - as above
from desk.permit import COOKIE  # noqa: E402 - as above
from handrail.acts import signing_in  # noqa: E402 - as above
from handrail.permissions import Role  # noqa: E402 - as above
from handrail.store import search, trail, work  # noqa: E402 - as above
from handrail.store.engine import Store  # noqa: E402 - as above
from handrail.store.frames import records  # noqa: E402 - as above
from handrail.store.search import Criteria  # noqa: E402 - as above
from handrail.store.visibility import Onlooker  # noqa: E402 - as above
from handrail.workspace import Workspace  # noqa: E402 - as above

WIDTHS = {1280: 800, 390: 844}
"""Pixels: width and height of the window."""
PAGES = (
    ("review", "ada", "/review?case={waiting}"),
    ("escalations", "mona", "/escalations"),
    ("cases", "stella", "/cases"),
    ("case", "stella", "/cases/{automatic}"),
    ("quality", "ada", "/quality"),
    ("operations", "stella", "/operations"),
    ("monitoring", "stella", "/monitoring"),
    ("alerts", "stella", "/alerts"),
    ("trail", "stella", "/trail"),
    ("people", "stella", "/people"),
)
"""Name of the picture, who looks, and where; `chosen` fills in the cases."""


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve the desk on a free port of this machine; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=20)


def ended(home: Path) -> datetime:
    """The morning on which the demo's story ended: when its newest event was written."""
    with Store(Workspace(home).database_url).read() as connection:
        (newest,) = trail.search(connection, limit=1)
    return datetime.fromisoformat(newest["at"])


def chosen(home: Path, moment: datetime) -> dict[str, int]:
    """A case that waits for a click with its suggestion shown, and the newest one that went out by itself."""
    with Store(Workspace(home).database_url).read() as connection:
        quick, _ = search.find(connection, Criteria(queue="B", state="queued"), Onlooker("", (), moment), limit=200)
        hidden = {row["case_id"] for row in records(work.open_work(connection)) if row["suggestion_hidden"]}
        looker = Onlooker("stella", (Role.REVIEWER,), moment)
        automatic, _ = search.find(connection, Criteria(by="machine", state="done"), looker, limit=1)
    waiting = next(row["id"] for row in quick if row["id"] not in hidden)
    return {"waiting": waiting, "automatic": automatic[0]["id"]}


def opened(browser: Browser, app: FastAPI, address: str, name: str, width: int, *, dark: bool = False) -> Page:
    """A page in which `name` is signed in."""
    desk = app.state.desk
    secret = signing_in.open_session(desk.store, name, policy=desk.policy(), now=desk.clock())
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme="dark" if dark else "light",
    )
    secure = address.replace("http:", "https:")
    context.add_cookies([{"name": COOKIE, "value": secret, "url": secure, "secure": True}])
    return context.new_page()


def take(home: Path, into: Path) -> list[Path]:
    """Take every picture; returns the files."""
    moment = ended(home)
    cases = chosen(home, moment)
    app = create_app(Workspace(home), clock=lambda: moment)
    Alerting(app.state.desk).sweep()
    taken = []
    with served(app) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        wanted = [(*page, width, False) for page in PAGES for width in WIDTHS]
        wanted.append(("review-dark", "ada", PAGES[0][2], 1280, True))
        for name, person, path, width, dark in wanted:
            page = opened(browser, app, address, person, width, dark=dark)
            answer = page.goto(path.format(**cases))
            assert answer is not None
            assert answer.ok, f"{path}: {answer.status}"
            file = into / (f"{name}.png" if dark else f"{name}-{width}.png")
            page.screenshot(path=file, full_page=False)
            taken.append(file)
            page.context.close()
        browser.close()
    return taken


def main() -> None:
    """Copy the demo, open the desk on the copy, take the pictures."""
    parser = argparse.ArgumentParser(description="Pictures of the desk, from a demo workspace.")
    parser.add_argument("--home", type=Path, default=ROOT / ".handrail-demo", help="a workspace of `handrail demo`")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images", help="where the pictures go")
    options = parser.parse_args()
    if not (options.home / "demo").exists():
        parser.error(f"{options.home} is no workspace of the demo. Run `make demo` first.")
    options.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="handrail-images-") as folder:
        copy = Path(shutil.copytree(options.home, Path(folder) / "home"))
        for file in take(copy, options.into):
            print(file)


if __name__ == "__main__":
    main()
