"""Damaged tables, archives, images and folders, opened and read: `python -m tests.fuzzing --count 2000 --seed 0`.

Each input is a layout of `tests/layouts` with a few of `tests/mutations`, and a function of seed and number.
Inputs are opened in a process of its own with limited memory; one that dies or waits is a fault of the input it had.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

MOST_MEMORY = 5 * 2**28
"""Bytes that opening one of the inputs, all of which are small, may take: a GiB of arrays, and what reads them."""
MOST_SECONDS = 10.0
"""Of a core, for one input; a hundred times what the slowest takes."""
PATIENCE = 120
"""Seconds after which a process is taken to wait for ever."""
LONGEST = 900
"""Characters of a sentence."""
HOSTILE = "hostile"
"""In place of a seed: the files of `tests/hostile.py`, by their numbers."""
INSIDES = re.compile(
    r"\b[A-Z]\w*(?:Error|Exception|Warning)\b|site-packages|lib/python|Traceback|<class|object at 0x|\.py\b|Errno"
)
"""What a sentence for people never holds."""


@dataclass(frozen=True)
class Outcome:
    """What became of an input: `fault` says what does not hold, or is ""; `answer` is the sentence or the reading."""

    number: int
    made: str
    read: bool
    answer: str
    fault: str
    seconds: float
    mebibytes: float


def build(seed: int, number: int, root: Path) -> tuple[Path | str, dict[str, Any], str]:
    """Makes an input in an empty folder: what is given as DATA, the options, and how it was made."""
    from tests.layouts import CASES
    from tests.mutations import CHANGES
    from tests.mutations.composed import compose

    rng = Random(f"{seed}-{number}")
    modules = defaultdict(list)
    for case in CASES:
        modules[case.build.__module__].append(case)
    data: Path | str
    if rng.random() < 0.25:
        data, options, made = compose(root, rng), {}, ["composed"]
        wanted = 1 + rng.choice((0, 0, 1, 2))
    else:
        case = rng.choice(modules[rng.choice(sorted(modules))])
        data, options, made = case.build(root), dict(case.options), [case.name]
        wanted = 1 + rng.choice((1, 1, 1, 2, 2, 4))
    weights, changes = zip(*CHANGES, strict=True)
    for _ in range(100):  # some changes have nothing to change in this layout
        if len(made) < wanted and (done := rng.choices(changes, weights)[0](root, rng)):
            made.append(done)
    if not isinstance(data, str) and (not data.exists() or rng.random() < 0.1):
        data = rng.choice([root, *sorted(root.iterdir())])
    if rng.random() < 0.1:
        options |= rng.choice(ODD_OPTIONS)
    return data, options, "; ".join(made) + (f"; {options}"[:200] if options else "")


def build_hostile(number: int, root: Path) -> tuple[Path, dict[str, Any], str]:
    """The same for a file of `tests/hostile.py`."""
    from tests.hostile import FILES

    name = list(FILES)[number]
    return FILES[name](root), {"crop_boxes": True} if "box" in name else {}, name


ODD_OPTIONS: tuple[dict[str, Any], ...] = (
    {"class_level": 1}, {"class_level": 2}, {"class_level": "leaf"}, {"class_level": 10**9},
    {"class_level": "\u00b2"}, {"class_level": "9" * 5000}, {"label_regex": "^(.)"}, {"label_regex": "("},
    {"label_regex": ""}, {"group": "folder"}, {"label_column": "label"}, {"label_column": "\x01"},
    {"image_column": "path"}, {"group": "a\nb"}, {"crop_boxes": True}, {"skip_unread_formats": True},
    {"group_regex": "(a)?"}, {"label_column": "x" * 5000},
)  # fmt: skip


def check(data: Path | str, options: dict[str, Any], *, whole: bool) -> tuple[bool, str]:
    """Opens and reads an input, and asserts what must hold; whether it was read, and the sentence.

    Args:
        whole: whether images are read as training reads them, in other processes, rather than here.
    """
    import skipwise
    from skipwise.data.scan.scan import scan_images

    try:
        source = skipwise.open_images(data, **options)
        check_source(source)
        if whole:
            assert all(0 <= index < len(source) for index in scan_images(source).faults)
        elif source.container is not None:
            read_here(source)
    except skipwise.SkipwiseError as error:
        sentence = str(error)
        check_sentence(sentence)
        return False, sentence
    return True, repr(source)


def check_sentence(sentence: str) -> None:
    """Asserts that a sentence is one for people."""
    assert sentence.isprintable(), f"it can't be printed: {sentence[:300]!r}"
    assert len(sentence) <= LONGEST, f"{len(sentence)} characters: {sentence[:300]!r}"
    assert len(sentence) > 20, f"it says nothing: {sentence!r}"
    found = INSIDES.search(sentence)
    assert found is None, f"it holds {found and found[0]!r}: {sentence!r}"


def check_source(source: Any) -> None:
    """Asserts that what was read is whole."""
    count = len(source.ids)
    assert count > 1, "no images"
    assert len(set(source.ids)) == count, "two images have one id"
    assert len(source.classes) > 1, "fewer than two classes"
    assert len(set(source.classes)) == len(source.classes), f"two classes have one name: {source.classes}"
    assert len(source.labels) == count, "labels and images differ in number"
    assert 0 <= source.labels.min() <= source.labels.max() < len(source.classes), "labels out of range"
    assert source.splits is None or (
        len(source.splits) == count and {"train", "test"} <= set(source.splits) | {"test"}
    ), "splits"
    assert source.splits is None or set(source.splits) <= {"train", "val", "test"}, "splits of other names"
    assert source.groups is None or len(source.groups) == count, "groups and images differ in number"
    assert source.pixels is None or len(source.pixels) == count, "pixels and images differ in number"
    for text in (*source.ids, *source.classes, *source.ignored, source.name, repr(source)):
        assert text, "a name is empty"
        assert text.isprintable(), f"it can't be printed: {text[:300]!r}"
    assert all(text.isprintable() for text in source.groups or ()), "a group can't be printed"
    assert len(repr(source)) < 4 * LONGEST, f"{len(repr(source))} characters: {repr(source)[:300]!r}"


def read_here(source: Any) -> None:
    """Reads every image, which is sound or has a fault."""
    from skipwise.data.image.decode import UnreadableImage
    from skipwise.data.scan.inspection import inspect_image

    seen = []
    for name, content in source.container.stream(dict.fromkeys(source.files)):
        seen.append(name)
        if isinstance(content, UnreadableImage):
            assert str(content), f"{name} has a fault without a reason"
        else:
            inspect_image(content, None)
    assert sorted(seen) == sorted(set(source.files)), "images are not handed over, or twice"


def attempt(kind: str, number: int, *, whole: bool, times: int = 1) -> Outcome:
    """Makes, opens and reads an input in this process.

    Args:
        kind: a seed, or HOSTILE.
        times: how often it is read; each time the same has to come out.
    """
    from tests.crafted import MARK

    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        root = Path(folder, "d")
        root.mkdir()
        os.environ["SKIPWISE_CACHE"] = str(Path(folder, "cache"))
        data, options, made = build_hostile(number, root) if kind == HOSTILE else build(int(kind), number, root)
        began, before = time.process_time(), memory_peak(reset=True)
        fault = answer = ""
        read = False
        try:
            read, answer = check(data, options, whole=whole)
            for _ in range(times - 1):
                again = check(data, options, whole=whole)
                assert again == (read, answer), f"two readings differ: {answer} {again[1]}"
        except AssertionError as error:
            fault = str(error)
        except Exception:  # a bug of ours, whatever it is
            fault = traceback.format_exc()
        seconds, taken = time.process_time() - began, memory_peak() - before
        if not fault and seconds > MOST_SECONDS:
            fault = f"it takes {seconds:.0f} s of a core"
        if not fault and taken > MOST_MEMORY:
            fault = f"it takes {taken >> 20} MiB"
        if (root / MARK).exists():
            fault = MARK
        answer = answer.replace(folder, "...")
        return Outcome(number, made, read, answer, fault, round(seconds, 2), round(taken / 2**20, 1))


def memory_peak(*, reset: bool = False) -> int:
    """The most bytes that this process held, since it was reset; 0 where the system does not say."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # type: ignore[index]
    except OSError:
        return 0


def limit_memory() -> None:
    """Readies this process for hostile inputs: much more memory than one may take ends it, and not the machine."""
    import skipwise.data.scan.scan  # noqa: F401 - what is imported counts for no input

    warnings.simplefilter("error")
    limit = 3 * MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def serve(kind: str, first: int, end: int, every: int) -> None:
    """Attempts inputs one by one and writes a line before and after each."""
    limit_memory()
    for number in range(first, end):
        print(json.dumps({"begun": number}), flush=True)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        outcome = attempt(kind, number, whole=number % every == 0)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(asdict(outcome)), flush=True)


def outcomes(kind: str, first: int, count: int, every: int = 10) -> Iterator[Outcome]:
    """What becomes of each of some inputs, in processes of their own.

    Args:
        kind: a seed, or HOSTILE.
        every: of how many inputs one is read as training reads it.
    """
    end = first + count
    while first < end:
        command = [sys.executable, "-P", "-m", "tests.fuzzing", "--serve", kind, *map(str, (first, end, every))]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as folder:
            environment["TMPDIR"] = folder  # what a process that dies leaves behind goes too
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
            assert process.stdout is not None
            begun = first
            with process:
                for line in process.stdout:
                    record = json.loads(line)
                    if "begun" in record:
                        begun = record["begun"]
                    else:
                        first = begun + 1
                        yield Outcome(**record)
            if process.returncode:
                log.seek(0)
                said = log.read().decode(errors="replace")[-3000:]
                yield Outcome(begun, "", False, "", f"the process ended with {process.returncode}: {said}", 0.0, 0.0)
                first = begun + 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--every", type=int, default=10, help="of how many inputs one is read as training reads it")
    parser.add_argument("--keep", type=Path, help="make the first input there, and nothing else")
    parser.add_argument("--log", type=Path, help="write a line of JSON for each input")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        kind, *numbers = given.serve
        serve(kind, *map(int, numbers))
        return 0
    if given.keep:
        shutil.rmtree(given.keep, ignore_errors=True)
        given.keep.mkdir(parents=True)
        data, options, made = build(given.seed, given.first, given.keep)
        print(made, data, options, sep="\n")
        return 0
    faults, seen = 0, []
    for outcome in outcomes(str(given.seed), given.first, given.count, given.every):
        seen.append(outcome)
        if given.log:
            with given.log.open("a") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")
        if outcome.fault:
            faults += 1
            print(f"{outcome.number} ({outcome.made})\n    {outcome.fault}", flush=True)
    read = sum(outcome.read for outcome in seen)
    print(f"{len(seen)} inputs: {read} read, {len(seen) - read - faults} refused, {faults} faults", end="; ")
    print(f"at most {max(each.seconds for each in seen)} s and {max(each.mebibytes for each in seen)} MiB")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
