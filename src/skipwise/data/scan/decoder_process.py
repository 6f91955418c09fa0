"""A process that reads and decodes files for `DecoderPool`, which starts it.

    python -m skipwise.data.scan.decoder_process

It reads a `Setup` and then `Job`s from standard input, and answers each job with a list of `Inspection`s on standard
output. If the container cannot be read, it answers with a sentence instead and ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from skipwise.core.errors import SkipwiseError
from skipwise.data.containers import Reader, reopen
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.scan.inspection import Inspection, failed_inspection, inspect_image
from skipwise.data.scan.messages import Job, Setup, from_text, receive, send

TIMEOUT_SIGNAL = getattr(signal, "SIGPROF", 0)
"""Signal of a timer that counts processor time; 0 on Windows, which has none."""


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    setup = receive(requests, Setup)
    if setup is None:
        return
    try:
        shared = reopen(setup.kind, Path(from_text(setup.path))).reader() if setup.kind else contextlib.nullcontext()
        with shared as read:
            while (job := receive(requests, Job)) is not None:
                send(answers, list(_inspections(job, read, setup.time_limit)))
    except SkipwiseError as error:
        send(answers, str(error))


def _inspections(job: Job, read: Reader | None, time_limit: float) -> Iterator[Inspection]:
    for data, reason in job.contents:
        with _limited(time_limit):
            found = failed_inspection(reason) if reason else inspect_image(data, job.pixel_format)
        yield found
    for address in job.addresses:
        assert read is not None
        with _limited(time_limit):
            try:
                found = inspect_image(read(from_text(address)), job.pixel_format)
            except UnreadableImage as error:
                found = failed_inspection(str(error))
        yield found


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Ends this process by TIMEOUT_SIGNAL if the block takes more seconds of processor time, even inside C code."""
    if not TIMEOUT_SIGNAL:
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for this one
    warnings.simplefilter("ignore")  # Pillow warns of odd metadata
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print, and only answers may reach the pipe
    with contextlib.suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, output)
