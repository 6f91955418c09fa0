"""Formats for the values of an outcome: as a share in percent, or as a plain number with its unit."""

from __future__ import annotations

from dataclasses import dataclass

LARGE = 10_000.0
"""From here on a number is shown by its power of ten: two runs of a loss may leave open that its mean is enormous."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A kind of number, as it is shown.

    Args:
        unit: of differences, as they are shown: "points" for percentage points; "" for a number without one.
        sign: written after a value: "%".
        scale: what a score is multiplied by to be shown: 100 for a share.
        digits: after the point, of values and differences; their bounds have one less.

    Examples:
        >>> share = Number(unit="points", sign="%", scale=100, digits=2)
        >>> share.value(0.98071), share.difference(0.0056), share.amount(0.012)
        ('98.07%', '+0.56', '1.2 points')
        >>> Number(unit="nats").bounds(0.0, 99_660_285_726_270.6)
        '0.000 to 1.0e+14'
    """

    unit: str
    sign: str = ""
    scale: float = 1.0
    digits: int = 4

    def value(self, value: float) -> str:
        """A mean: "98.07%"."""
        return f"{value * self.scale:.{self.digits}f}{self.sign}"

    def limit(self, value: float) -> str:
        """A value that somebody asked for: "97%"."""
        return f"{value * self.scale:g}{self.sign}"

    def bound(self, value: float) -> str:
        """The end of an interval, with one digit less than a value: "98.1%"."""
        return f"{_fixed(value * self.scale, self.digits - 1)}{self.sign}"

    def bounds(self, low: float, high: float) -> str:
        """An interval of a mean: "96.1 to 99.9"."""
        return f"{_fixed(low * self.scale, self.digits - 1)} to {_fixed(high * self.scale, self.digits - 1)}"

    def difference(self, difference: float) -> str:
        """A difference of two means, without its unit: "+0.56"."""
        return _fixed(difference * self.scale, self.digits, sign="+")

    def differences(self, low: float, high: float) -> str:
        """An interval of a difference: "-0.33 to +1.46"."""
        return f"{self.difference(low)} to {self.difference(high)}"

    def amount(self, difference: float, *, digits: int | None = None) -> str:
        """The size of a difference: "1.2 points"."""
        return self._with_unit(_fixed(difference * self.scale, self.digits - 1 if digits is None else digits))

    def span(self, low: float, high: float) -> str:
        """The size of a difference that is known to lie between two: "1.9 to 4.0 points"."""
        return self._with_unit(self.bounds(low, high))

    def margin_text(self, margin: float) -> str:
        """A margin in its unit: "0.5 points"."""
        return self._with_unit(f"{margin:g}")

    def _with_unit(self, number: str) -> str:
        return f"{number} {self.unit}" if self.unit else number


def _fixed(number: float, digits: int, *, sign: str = "") -> str:
    """A number with so many digits after the point; the sign "+" is shown where it is asked for."""
    return f"{number:{sign}.1e}" if abs(number) >= LARGE else f"{number:{sign}.{digits}f}"
