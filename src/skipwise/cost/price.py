"""The price of machines: `--price`, and amounts of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from skipwise.core.errors import SkipwiseError

_PRICE = re.compile(
    r"(?P<currency>[^\d\s.,/+-]{0,8})\s*(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<behind>[^\d\s.,/+-]{0,8})"
    r"(?:\s*(?:/|per)\s*(?:h|hr|hour))?"
)
_HOURS = {"h", "hr", "hour"}


@dataclass(frozen=True, kw_only=True)
class Price:
    """The price of a machine.

    Args:
        per_hour: for each hour.
        currency: what stands before an amount, such as "$"; "" where none was named.
    """

    per_hour: float
    currency: str = ""

    def of(self, hours: float) -> str:
        """The cost of so many machine-hours: "$2.88".

        Example:
            >>> Price(per_hour=0.9, currency="$").of(3.2), Price(per_hour=0.9).of(0.01)
            ('$2.88', '0.009')
        """
        amount = self.per_hour * hours
        digits = f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.1g}"
        space = " " if self.currency.isalpha() else ""
        return f"{self.currency}{space}{digits}"


def parse_price(text: str) -> Price:
    """The price in "0.9/h", "0.9", "$0.9/h" or "EUR 0.9/h".

    Raises:
        SkipwiseError: it is something else, or nothing.

    Example:
        >>> parse_price("$0.9/h")
        Price(per_hour=0.9, currency='$')
    """
    match = _PRICE.fullmatch(text.strip())
    if match is None or (match["currency"] and match["behind"]):
        raise SkipwiseError(
            f"--price takes what one machine costs in an hour, such as 0.9/h or '$0.9/h'; not {text!r}."
        )
    currency = match["currency"] or match["behind"]
    if currency.lower() in _HOURS:
        raise SkipwiseError(f"--price {text!r} has no /; write it like 0.9/h.")
    number = float(match["number"])
    if not 0 < number < math.inf:
        raise SkipwiseError(f"--price must be above 0, not {text!r}; leave it out where machines cost nothing.")
    return Price(per_hour=number, currency=currency)


def machine_hours(seconds: float) -> str:
    """Hours of one machine: "3.2 machine-hours", or "less than 0.1 machine-hours".

    Example:
        >>> machine_hours(11520), machine_hours(20)
        ('3.2 machine-hours', '0.006 machine-hours')
    """
    hours = seconds / 3600
    shown = f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 0.95 else f"{hours:.1g}"
    return f"{shown} machine-hour{'' if shown == '1' else 's'}"


def spent(seconds: float, price: Price | None) -> str:
    """Machine-hours, and what they cost: "3.2 machine-hours ($2.88)"."""
    return machine_hours(seconds) + ("" if price is None else f" ({price.of(seconds / 3600)})")


def spent_in_brackets(seconds: float, price: Price | None) -> str:
    """The same where brackets stand around it: "3.2 machine-hours, $2.88"."""
    return machine_hours(seconds) + ("" if price is None else f", {price.of(seconds / 3600)}")
