"""Pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def page_of(
    browser: Any, path: Path, *, width: int = 1280, scheme: str = "light", ready: str = "body"
) -> Iterator[Any]:
    """The page, opened; afterwards it must have asked for nothing but itself and complained of nothing.

    Args:
        ready: what is on the page once it is complete.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    address = path.resolve().as_uri()
    page.goto(address)
    page.wait_for_selector(ready)
    yield page
    assert not complaints
    # Pictures are in the page itself.
    assert [url for url in requests if not url.startswith("data:image/")] == [address]
    context.close()
