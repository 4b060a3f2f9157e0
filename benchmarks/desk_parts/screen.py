"""One reviewer in a real browser: how long from the key to the next case on the screen, its decision committed."""

import shutil
import time
from typing import Any

COOKIE = "__Host-handrail"
PATIENCE = 10.0
"""Seconds for one case."""
WATCH = """
() => {
  window.waits = [];
  let pressed = null;
  addEventListener("keydown", () => { pressed = performance.now(); }, true);
  new MutationObserver(() => {
    if (pressed === null) return;
    const began = pressed;
    const item = document.querySelector("[data-item]")?.dataset.item;
    if (!item || item === window.shown) return;
    window.shown = item;
    pressed = null;
    const drawn = new MessageChannel();
    drawn.port1.onmessage = () => window.waits.push(performance.now() - began);
    requestAnimationFrame(() => drawn.port2.postMessage(0));
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-item"] });
  window.shown = document.querySelector("[data-item]").dataset.item;
}
"""


def waits(port: int, secret: str, *, cases: int, think: float) -> list[float]:
    """Milliseconds from pressing A to the frame that shows the next case, for `cases` cases one after another."""
    from playwright.sync_api import sync_playwright

    address = f"http://127.0.0.1:{port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(base_url=address)
        cookie: Any = {"name": COOKIE, "value": secret, "url": address.replace("http:", "https:"), "secure": True}
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto("/review")
        page.evaluate(WATCH)
        for number in range(cases):
            page.wait_for_timeout(think * 1000)
            page.keyboard.press("a" if page.locator("button[value=approve]").count() else "s")
            deadline = time.monotonic() + PATIENCE
            # Not `wait_for_function`: it evaluates a text within the page, which the desk's content policy forbids.
            while page.evaluate("window.waits.length") <= number and time.monotonic() < deadline:
                page.wait_for_timeout(5)
        found: list[float] = page.evaluate("window.waits")
        browser.close()
    return found
