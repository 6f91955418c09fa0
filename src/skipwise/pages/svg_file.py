"""A chart as the text of an SVG file, which a page in Markdown can show: colours and letters stand in the file."""

from __future__ import annotations

import re

from markupsafe import Markup

STYLE = (
    "svg { font: 13px system-ui, sans-serif; background: #fff; --open: #6b7279; color: #1c1e21; } "
    "text { fill: #1c1e21; } .grid { stroke: #d9dce0; fill: none; }"
)


def as_file(chart: Markup) -> str:
    """The first drawing of a chart, without what stands around it.

    Examples:
        >>> as_file(Markup('<figure><svg viewBox="0 0 4 3"><path d="M0 0"/></svg></figure>')).splitlines()[0]
        '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3" viewBox="0 0 4 3">'
    """
    drawn = re.search(r'<svg viewBox="0 0 (\d+) (\d+)"(.*?)>(.*?)</svg>', chart, re.DOTALL)
    assert drawn is not None
    width, height, attributes, content = drawn.groups()
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}{attributes}>'
    return f"{head}\n<style>{STYLE}</style>\n{content}\n</svg>\n"
