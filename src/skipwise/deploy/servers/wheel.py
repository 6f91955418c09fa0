"""The wheel of the Skipwise that is running, so that a container gets the same program, from a checkout, too.

A name and a version would not do: an index may have neither, or another project of that name.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from skipwise.core.files.atomic import atomic

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of each file in it, so that the same program gives the same bytes."""


def write_wheel(folder: Path) -> Path:
    """Writes the wheel into a folder, and returns its path.

    Raises:
        SkipwiseError: it can't be written.
    """
    version = distribution("skipwise").version
    path, record = folder / f"skipwise-{version}-py3-none-any.whl", f"skipwise-{version}.dist-info/RECORD"
    rows = []
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in _contents(version):
            packed.writestr(_entry(name), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(content)}\n")
        packed.writestr(_entry(record), "".join([*rows, f"{record},,\n"]))
    return path


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry


def _contents(version: str) -> Iterator[tuple[str, bytes]]:
    """The files of the package, and what an installer has to know."""
    package = Path(__file__).parents[2]
    for file in sorted(package.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield f"skipwise/{file.relative_to(package).as_posix()}", file.read_bytes()
    installed, about = distribution("skipwise"), f"skipwise-{version}.dist-info"
    described = installed.read_text("METADATA") or installed.read_text("PKG-INFO") or ""
    yield f"{about}/METADATA", described.encode()
    yield f"{about}/WHEEL", b"Wheel-Version: 1.0\nGenerator: skipwise\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    yield f"{about}/entry_points.txt", (installed.read_text("entry_points.txt") or "").encode()
