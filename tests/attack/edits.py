"""Edits of records by somebody who knows what is in them, and seals made anew around them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from skipwise.core.files.checksums import seal_of
from tests.attack.damage import damaged
from tests.mutations.hostile import VALUES
from tests.mutations.texts import json_damaged

MARKER = "RAN"
"""A file that code makes which must not run, in the folder above that of the commands."""
MODULE = "evilmod"
NETWORKS = ("resnet18", "mobilenet_v2")
TEXTS = (
    f"{MODULE}:net", f"{MODULE}:net", f"timm:{MODULE}", "../../outside", "../outside", "{root}/outside", "", " ",
    "\x1b[31mred", "=cmd()", "a\nb", "x" * 100_000, "\ud800", "<script>", "{root}", "/dev/zero", "/proc/kmsg", "..",
)  # fmt: skip
NUMBERS = (-1, 0, 1, 2**31, 2**63, 2**64, 10**400, -(10**400), 0.5, 1e308, float("nan"), float("inf"), -5e-324)
DEEP = 100_000


def module_file(marker: Path) -> str:
    """A module that tells that it was imported, and would end the command as if all were well."""
    return f"open({str(marker)!r}, 'w')\ndef net(num_classes, in_channels): raise SystemExit(0)\n"


def edited(data: bytes, rng: Random, root: Path) -> tuple[bytes, str]:
    """A record with something in it that no Skipwise wrote, and what that is."""
    try:
        content = json.loads(data)
    except ValueError:  # a line each
        return json_damaged(data, rng), "a line edited"
    if rng.random() < 0.3:
        return json_damaged(data, rng), "a value edited"
    if rng.random() < 0.3:
        known = [name for name in NETWORKS if json.dumps(name) in data.decode()]
        if known:
            wanted, name = rng.choice((f"{MODULE}:net", f"{MODULE}:net", f"{MODULE}.sub:net", ":", "a:b:c")), known[0]
            return data.replace(json.dumps(name).encode(), json.dumps(wanted).encode()), f"{name} is {wanted}"
    places = list(_places(content))
    if not places:
        return b"[]", "an empty list"
    holder, key, path = rng.choice(places)
    if isinstance(holder, dict) and rng.random() < 0.2:
        del holder[key]
        return _json(content), f"without {path}"
    holder[key] = _other(holder[key], rng, root)
    return _json(content), f"{path} is {str(holder[key])[:60]!r}"


def _json(content: Any) -> bytes:
    return json.dumps(content).replace('"deep"', "[" * DEEP + "]" * DEEP).encode("utf-8", "surrogatepass")


def _places(content: Any, path: str = "") -> Iterator[tuple[Any, Any, str]]:
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        inside = f"{path}.{key}"[:200]
        yield content, key, inside
        yield from _places(value, inside)


def _other(value: Any, rng: Random, root: Path) -> Any:
    if rng.random() < 0.2:
        return rng.choice((*VALUES, "deep"))
    if isinstance(value, str):
        return rng.choice(TEXTS).replace("{root}", str(root))
    if isinstance(value, int | float) or value is None:
        return rng.choice(NUMBERS)
    if isinstance(value, list):
        return rng.choice(
            (value[:1], value * 2, [*value, *value[:1]], [], value[::-1], [value], dict(enumerate(value)))
        )
    return rng.choice((list(value), {**value, "more": 1}, {}, {"": value}))


def damaged_and_sealed(folder: Path, rng: Random) -> str:
    """An artifact one of whose files is another, with right hashes: what was done."""
    model = folder / "model.pt2"
    if model.exists() and rng.random() < 0.5:
        model.write_bytes(_pickled(model.read_bytes(), folder.parents[2] / MARKER))
        seal(folder / "artifact.json")
        return f"{model.name} with a pickled weight, sealed anew"
    file = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "artifact.json"))
    data, how = damaged(file.read_bytes(), rng)
    file.write_bytes(data)
    seal(folder / "artifact.json")
    return f"{file.name}: {how}, sealed anew"


def seal(record: Path) -> bool:
    """Makes the checksums in a record anew, as whoever changes one can: whether it has any."""
    try:
        plain = json.loads(record.read_bytes())
        files = {name: value for name, value in plain["files"].items() if name}
        places = {name: record.parent / name for name in files}
        plain["files"] = {
            name: hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else files[name]
            for name, place in places.items()
        }
        plain["files"][""] = seal_of(plain)
        record.write_bytes(_json(plain))
        return True
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError, OSError):
        return False  # what it holds can't be sealed


class _Call:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self.path), "w")


def _pickled(archive: bytes, marker: Path) -> bytes:
    """A .pt2 whose first weight is a pickle, which a flag in the archive says."""
    read, written = zipfile.ZipFile(io.BytesIO(archive)), io.BytesIO()
    with read, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as changed:
        for name in read.namelist():
            data = read.read(name)
            if name.endswith("model_weights_config.json"):
                config = json.loads(data)
                next(iter(config["config"].values()))["use_pickle"] = True
                data = json.dumps(config).encode()
            changed.writestr(name, pickle.dumps(_Call(marker)) if name.endswith("/weight_0") else data)
    return written.getvalue()
