"""Folders of images written down in a line or two: "{train,test}/{cat,dog}/#.jpg 4" makes 16 files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.layouts.pictures import FORMATS, picture, put


def tree(*lines: str) -> Callable[[Path], Path]:
    """Builds the files that some lines name."""

    def build(root: Path) -> Path:
        plant(root / "d", *lines)
        return root / "d"

    return build


def plant(root: Path, *lines: str) -> list[str]:
    """Writes the files that some lines name, and returns their names.

    A line is a path and how often it is written (once without). "{a,b}" stands for each, "{01..12}" counts, "*" is the
    number of the file within its folder and "#" one that no other file has. What is no image has its own name in it.
    """
    names: list[str] = []
    for line in lines:
        path, _, times = line.rpartition(" ") if line.rpartition(" ")[2].isdigit() else (line, "", "1")
        for one in _expanded(path):
            for number in range(1, int(times) + 1):
                name = one.replace("*", f"{number:03}").replace("#", f"{len(names) + 1:05}")
                is_image = name.rpartition(".")[2].lower() in FORMATS
                put(root / name, picture(one.rpartition("/")[0], name) if is_image else name)
                names.append(name)
    return names


def _expanded(path: str) -> Iterable[str]:
    match = re.search(r"\{([^{}]*)\}", path)
    if match is None:
        return [path]
    if count := re.fullmatch(r"(\d+)\.\.(\d+)", match[1]):
        options = [str(number).zfill(len(count[1])) for number in range(int(count[1]), int(count[2]) + 1)]
    else:
        options = match[1].split(",")
    return [each for one in options for each in _expanded(path[: match.start()] + one + path[match.end() :])]
