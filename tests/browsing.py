"""Pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const over = (colours) => {  // painted one over the other, the last on top
    canvas.clearRect(0, 0, 1, 1);
    colours.forEach(colour => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); });
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || !parent.checkVisibility() || parent.closest("script, svg, .itself")) continue;
    const grounds = [];
    for (let at = parent; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const ground = over(grounds), ink = over([...grounds, getComputedStyle(parent).color]);
    const [low, high] = [light(ground), light(ink)].sort((a, b) => a - b);
    found.push([(high + 0.05) / (low + 0.05), node.textContent.trim()]);
  }
  return found;
}"""
"""Contrast with its ground, and text, of each text that is seen."""


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
