"""The picture of a report in README.md: `python -m website.picture` photographs one that the repository keeps.

It needs a Chromium, as the tests of pages do.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "comparisons" / "fashion-mnist" / "report.html"
FILE = ROOT / "docs" / "pictures" / "report.png"
WIDTH, HEIGHT, SHARPNESS = 920, 922, 1.5
COLOURS = 64
MOST = 150_000
"""The most bytes of the file: it is loaded by everybody who opens the repository."""


def photograph(report: Path, browser: Any) -> bytes:
    """The upper part of a report as PNG, with few colours.

    Args:
        report: its page.
        browser: an open Chromium.
    """
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SHARPNESS)
    page.goto(report.as_uri())
    taken = page.screenshot()
    page.close()
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS)
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def main() -> int:
    """Writes the picture; 2 where there is no Chromium."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=FILE, help="the file; default: docs/pictures/report.png")
    output = parser.parse_args().output
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("There is no Chromium here; install one, for example with: apt-get install chromium", file=sys.stderr)
        return 2
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        picture = photograph(REPORT, browser)
        browser.close()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(picture)
    print(f"{output}: {len(picture):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
