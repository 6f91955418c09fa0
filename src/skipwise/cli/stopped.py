"""A request to end the program."""

from __future__ import annotations


class Stopped(BaseException):
    """Ctrl-C, or a polite request to end.

    No Exception, so that no handler for what may go wrong in a network takes it for that.

    Args:
        status: the exit status shells expect.

    Attributes:
        sentence: what the user is told; a verb that keeps nothing may change it.
    """

    sentence = "Stopped. What is finished is kept; the same command goes on from there."

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
