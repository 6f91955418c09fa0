"""The HTML templates and figures of what Skipwise reports; knows nothing of what they are about."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from skipwise.core.escaping import html


def render(template: str, **values: Any) -> str:
    """A page from a template in this folder; values are escaped unless they are marked as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # not for those who only read what is there

    environment = Environment(
        loader=PackageLoader("skipwise", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=html,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template(template).render(**values)


def breakable(name: str) -> Markup:
    """A name that may be broken where its parts meet, for narrow columns."""
    return Markup("<wbr>").join(map(escape, re.split(r"(?<=[_:./-])", html(name))))
