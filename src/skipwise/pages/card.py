"""The parts of a small piece of HTML inside somebody else's page: the output of a cell in a notebook.

It takes its colours from the text around it, so that it is readable in a light and in a dark theme. Where styles are
not allowed, it is still plain text, tables and pictures.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from markupsafe import Markup, escape

from skipwise.core.escaping import html

Mood = Literal["", "sure", "bad"]


def card(*parts: Markup | None) -> str:
    """One record. Parts that are None are left out."""
    shown = "".join(part for part in parts if part)
    return f'<div class="skipwise"><style>{_style()}</style>{shown}</div>'


@functools.cache
def _style() -> str:
    text = resources.files("skipwise.pages").joinpath("card.css").read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/|\s*\n\s*", "", text)


def text(value: object) -> Markup:
    """Text of whatever characters, escaped."""
    return value if isinstance(value, Markup) else escape(html(str(value)))


def lead(sentence: str, mood: Mood = "") -> Markup:
    """The main sentence."""
    return Markup(f'<p class="lead {mood}"><strong>{text(sentence)}</strong></p>')


def said(sentences: Iterable[str | None], *, soft: bool = False) -> Markup:
    """Sentences, each a paragraph; those that are empty are left out."""
    kind = ' class="soft"' if soft else ""
    return Markup("".join(f"<p{kind}>{text(each)}</p>" for each in sentences if each))


def listed(sentences: Sequence[str]) -> Markup:
    """Sentences as a list."""
    return Markup(f"<ul>{''.join(f'<li>{text(each)}</li>' for each in sentences)}</ul>") if sentences else Markup()


def folded(title: str, *parts: Markup) -> Markup:
    """Something that is shown when it is asked for; nothing where there is nothing to show."""
    shown = "".join(parts)
    return Markup(f"<details><summary>{text(title)}</summary>{shown}</details>") if shown else Markup()


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1, caption: str = "") -> Markup:
    """A table whose first column names its rows.

    Args:
        headings: of the columns; none for a table of facts.
        rows: their cells, text or Markup.
        left: how many columns are text; the others are numbers.
        caption: what stands above.
    """
    if not rows:
        return Markup()

    def kind(number: int) -> str:
        return "" if number < left else ' class="number"'

    above = f"<caption>{text(caption)}</caption>" if caption else ""
    head = "".join(f'<th scope="col"{kind(number)}>{text(each)}</th>' for number, each in enumerate(headings))
    body = []
    for first, *others in rows:
        cells = "".join(f"<td{kind(number)}>{text(cell)}</td>" for number, cell in enumerate(others, start=1))
        body.append(f'<tr><th scope="row">{text(first)}</th>{cells}</tr>')
    head = f"<thead><tr>{head}</tr></thead>" if headings else ""
    return Markup(f'<div class="scroll"><table>{above}{head}<tbody>{"".join(body)}</tbody></table></div>')


def bar(share: float) -> Markup:
    """A bar of a length from 0 to 1."""
    return Markup(
        f'<span class="bar" aria-hidden="true"><i style="width: {100 * min(max(share, 0.0), 1.0):.1f}%"></i></span>'
    )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture with what stands below it.

    Args:
        url: the picture itself, as a data URL.
        caption: what stands below.
        few: whether it has so few pixels that they are shown as squares.
    """

    url: str
    caption: str
    few: bool = False


def pictures(shown: Sequence[Picture]) -> Markup:
    """Pictures side by side."""
    figures = "".join(
        f"<figure{' class=few' if each.few else ''}>"
        f'<img src="{escape(each.url)}" width="160" alt="{text(each.caption)}">'
        f"<figcaption>{text(each.caption)}</figcaption></figure>"
        for each in shown
    )
    return Markup(f'<div class="pictures">{figures}</div>') if figures else Markup()


def where(*places: tuple[str, Path | str]) -> Markup:
    """The places of files, or a command, each behind its name. A path below the current folder is a link."""
    return Markup(f'<p class="soft">{"<br>".join(f"{text(name)}: {_place(place)}" for name, place in places)}</p>')


def _place(place: Path | str) -> Markup:
    shown = Markup(f"<code>{text(place)}</code>")
    if isinstance(place, str) or place.is_absolute():
        return shown
    # Never taken for a scheme, whatever the folder is called.
    return Markup(f'<a href="./{quote(os.fsencode(place.as_posix()))}" target="_blank">{shown}</a>')
