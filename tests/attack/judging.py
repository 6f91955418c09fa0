"""What a command may end with: each function says what does not hold, in a sentence, or ""."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.attack.state import Ended
from tests.attack.tasks import Task
from tests.fuzzing import check_sentence

STATUSES = {"verify": (0, 1, 2), "gate": (0, 1, 2, 3)}
"""What a command may end with where that is more than 0 and 2: it found something."""
CRASHES = ("Traceback (most recent call last)", "Fatal Python error", "terminate called", "Bus error", "core dumped")
_FRAME = re.compile(r'File "[^"]*/(skipwise/[^"]+)", line (\d+), in (\S+)')


def crashed(ended: Ended) -> str:
    """Whether there is a traceback, or no end."""
    if ended.status is None:
        return f"It did not end; it said: {ended.err[-200:]!r}."
    found = [crash for crash in CRASHES if crash in ended.err or crash in ended.out]
    if found:
        lines = [line for line in ended.err.splitlines() if line.strip() and not line.startswith(" ")]
        frames = _FRAME.findall(ended.err)
        place = f" at {frames[-1][0]}:{frames[-1][1]} in {frames[-1][2]}" if frames else ""
        errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit|Warning)\b", line)]
        return f"A traceback{place}: {(errors or lines)[-1][:200]}"
    return ""


def refused(ended: Ended) -> str:
    """Whether exit status 2 came with one sentence for people."""
    sentences = [line for line in ended.err.splitlines() if line.startswith("skipwise: ")]
    if len(sentences) != 1:
        return f"Exit status 2 with {len(sentences)} sentences: {ended.err[-300:]!r}."
    try:
        check_sentence(sentences[0])
    except AssertionError as error:
        return f"Its sentence is none for people: {error}."
    return ""


def ended_badly(ended: Ended, *, allowed: Iterable[int] = (0, 2)) -> str:
    """Whether it ended with a status that is not allowed, a traceback, or 2 without a sentence."""
    if failure := crashed(ended):
        return failure
    if ended.status not in allowed:
        said = (ended.err.strip() or ended.out.strip()).splitlines()
        return f"It ended with {ended.status}: {said[-1][:200] if said else 'without a word'}"
    return refused(ended) if ended.status == 2 else ""


def different(ended: Ended, expected: Ended, task: Task) -> str:
    """Whether what came out is not what comes out of it undisturbed."""
    if task.said and ended.out == expected.out:
        return ""
    if task.files:
        missing = sorted(set(expected.files) - set(ended.files))
        if missing:
            return f"There is no {missing[0]}."
        added = sorted(set(ended.files) - set(expected.files))
        if added:
            return f"There is {added[0]}, too."
        others = [name for name, data in expected.files.items() if ended.files[name] != data]
        return f"{others[0]} is another one." if others else ""
    pairs = zip([*ended.out.splitlines(), ""], [*expected.out.splitlines(), ""], strict=False)
    first = next(((ours, theirs) for ours, theirs in pairs if ours != theirs), ("more", "less"))
    return f"It said {first[0][:120]!r}, and not {first[1][:120]!r}."


def names(sentence: str, damaged: str) -> bool:
    """Whether a sentence names a file, or a folder that it is in."""
    parts = re.sub(r"\.skipwise\.\w+$", "", damaged).split("/")
    if parts[-1].lstrip(".") in sentence:
        return True
    return any(re.search(rf"(^|[\s/'\".]){re.escape(part)}($|[\s/'\",;.:])", sentence) for part in parts[:-1])
