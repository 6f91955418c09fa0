"""The text of tables, JSON and XML: cells, lines, line ends, quotation marks, separators, encodings, values."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from tests.mutations.contents import files
from tests.mutations.hostile import CELLS, DEEP, VALUES

TEXTS = (".csv", ".tsv", ".txt", ".lst", ".list", ".xml", ".cls")
JSONS = (".json", ".jsonl", ".ndjson", ".manifest")
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "utf-7", "cp037")
_MARK = "a value nested deep"
_NESTED = ("[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, '{"a":' * 500 + "1" + "}" * 500, "9" * 5000)


def any_text(root: Path, rng: Random) -> str:
    """The text of a table, JSON or XML."""
    chosen = files(root, *TEXTS, *JSONS)
    if not chosen:
        return ""
    file = rng.choice(chosen)
    as_json = file.suffix.lower() in JSONS and rng.random() < 0.7
    file.write_bytes((json_damaged if as_json else text_damaged)(file.read_bytes(), rng))
    return f"text of {file.name!r}"


def text_damaged(data: bytes, rng: Random) -> bytes:
    """A text with one thing in it that is otherwise."""
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    separator = max(",\t;| ", key=lines[0].count)
    cells = lines[row].split(separator)
    column = rng.randrange(len(cells))
    hostile = rng.choice(CELLS)
    match rng.randrange(16):
        case 0 | 1 | 2 | 3:
            cells[column] = hostile
            lines[row] = separator.join(cells)
        case 4:
            lines = [
                _with_cell(line, separator, column, hostile) if number else line for number, line in enumerate(lines)
            ]
        case 5:
            lines[row] = separator.join(cells + [hostile] * rng.choice((1, 2, 20)))
        case 6:
            del cells[column]
            lines[row] = separator.join(cells)
        case 7:
            names = lines[0].split(separator)
            names[rng.randrange(len(names))] = rng.choice(
                (*names, hostile, "path", "label", "split", "class", "Label ")
            )
            lines[0] = separator.join(names)
        case 8:
            lines = [line + "".join(f"{separator}c{number}" for number in range(10_000)) for line in lines[:4]]
        case 9:
            lines *= rng.choice((2, 3, 50))
        case 10:
            rng.shuffle(lines)
        case 11:
            other = rng.choice([each for each in ",\t;| \x1f\0" if each != separator])
            lines = [line.replace(separator, other) if rng.random() < 0.8 else line for line in lines]
        case 12:
            end = rng.choice(("\r\n", "\r", "\n\n", "\x0b", "\u2028", "\0", ""))
            return end.join(lines).encode("utf-8", "surrogatepass")
        case 13:
            return text.encode(rng.choice(ENCODINGS), "replace")
        case 14:
            cells[column] = "y" * 10_000_000
            lines[row] = separator.join(cells)
        case _:
            place = rng.randint(0, len(text))
            return (text[:place] + hostile + text[place:]).encode("utf-8", "surrogatepass")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _with_cell(line: str, separator: str, column: int, cell: str) -> str:
    cells = line.split(separator)
    cells[column : column + 1] = [cell] if column < len(cells) else []
    return separator.join(cells)


def json_damaged(data: bytes, rng: Random) -> bytes:
    """JSON, or a line of it, with a value that is something else, doubled, gone or under another key."""
    lines: list[bytes] = [data]
    row = 0
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        lines = data.split(b"\n")
        row = rng.randrange(len(lines))
        try:
            content = json.loads(lines[row])
        except (ValueError, RecursionError):
            return text_damaged(data, rng)
    whole = [content]
    holder: Any = whole
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.85:
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    hostile = rng.choice((rng.choice(VALUES), rng.choice(VALUES), rng.choice(CELLS)))
    match rng.randrange(8):
        case 0 | 1 | 2 | 3:
            holder[key] = hostile
        case 4 if isinstance(holder, dict):
            del holder[key]
        case 5 if isinstance(holder, dict):
            holder[str(rng.choice((hostile, "id", "label", "images", "annotations")))] = holder.pop(key)
        case 6:
            holder[key] = [holder[key]] * rng.choice((1, 2, 300))
        case _:
            holder[key] = _MARK
    lines[row] = json.dumps(whole[0]).replace(json.dumps(_MARK), rng.choice(_NESTED)).encode()
    return b"\n".join(lines)
