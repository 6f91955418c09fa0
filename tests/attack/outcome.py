"""What became of an attack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One attack.

    Args:
        what: what was done.
        failure: what did not hold, in a sentence; "" if all did.
    """

    kind: str
    seed: int
    number: int
    what: str
    failure: str
    seconds: float

    @property
    def repeat(self) -> str:
        """The command that does this attack again, alone."""
        return f"python -m tests.attack --only {self.kind} --seed {self.seed} --first {self.number} --count 1"
