"""The driver as a process of its own, and whether its cluster is still there.

Ray ends the process of a driver that has lost its cluster, writes on its standard error, waits without a limit in many
of its calls, and changes what signals do. All that happens to a process that the command can end.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from typing import TypeVar

import msgspec

from skipwise.comparison.executors.ray.address import CLIENTS, Address, listens
from skipwise.comparison.executors.ray.messages import (
    Alive,
    Answer,
    Broken,
    Connect,
    Connected,
    Gone,
    Notice,
    Order,
    Refused,
    encode,
    read_answer,
)
from skipwise.core.addresses import told
from skipwise.core.errors import Interrupted, SkipwiseError
from skipwise.core.machine.environment import PATIENCE

PROBING = 5.0
"""Seconds within which somebody accepts a connection at an address, or nobody is there."""
CONNECTING = 90.0
"""Seconds that Ray may take to connect, or to start on this machine."""
LOOK = 2.0
"""Seconds between two looks at the cluster's head node."""
WAITING = 30.0
"""Seconds that a lost head node is waited for. Ray itself ends a driver after 60."""
SILENCE = 120.0
"""Seconds without an answer of the driver, which says something every few seconds, until it is given up."""

Kind = TypeVar("Kind", bound=Answer)


class RayNotice(UserWarning):
    """What a person should know about the cluster."""


class DriverProcess:
    """The driver, which is connected to a cluster.

    Args:
        address: of the cluster.

    Raises:
        SkipwiseError: there is no cluster at the address, or its versions differ.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.gone, self.said = False, ""
        self._head: str | None = address.endpoint
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._lost_since: float | None = None
        self._looked = self._heard = time.monotonic()
        if address.endpoint is not None and not self._probe(address.endpoint):
            raise no_cluster(address)
        self._start()
        try:
            self._connect()
        except BaseException:
            self.kill()
            raise

    @staticmethod
    def _probe(endpoint: str) -> bool:
        """Returns whether somebody listens there."""
        what = f"Looking for Ray at {endpoint}, second"
        return listens(endpoint, seconds=PROBING, waiting=lambda waited: told()(what, int(waited), int(PROBING)))

    def _start(self) -> None:
        # -P keeps modules in the current folder out of our imports.
        command = [sys.executable, "-P", "-m", "skipwise.comparison.executors.ray.driver"]
        environment = (
            PATIENCE
            | os.environ
            | {
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else Ray warns of a change to come
            }
        )
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=environment
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._heard = time.monotonic()  # here, since the command may be busy with something else for long
                self._answers.put(read_answer(line))
        except (msgspec.DecodeError, ValueError):  # a line that is cut off, or a closed pipe: the driver has ended
            pass
        finally:
            self._answers.put(None)

    def _connect(self) -> None:
        self.send(Connect(address=self.address.text, environment=self.address.environment))
        began = time.monotonic()
        while (waited := time.monotonic() - began) < CONNECTING:
            told()(f"Connecting to Ray {self.address.place}, second", int(waited), int(CONNECTING))
            try:
                answer = self.hear(1.0)
            except Interrupted as error:
                raise no_cluster(self.address, self.said) from error
            if isinstance(answer, Connected):
                self._head = answer.head or self._head
                return
        raise no_cluster(self.address)

    def send(self, order: Order) -> None:
        """Gives the driver an order, whose answer is heard later."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # then its end is heard
            self._process.stdin.write(encode(order) + b"\n")
            self._process.stdin.flush()

    def hear(self, seconds: float) -> Answer | None:
        """Returns the next answer, if one comes within so many seconds. Notices are shown, and not returned.

        Raises:
            SkipwiseError: no run can continue.
            Interrupted: the cluster is gone.
        """
        deadline = time.monotonic() + seconds
        while True:
            self._look()
            try:
                answer = self._answers.get(timeout=min(max(deadline - time.monotonic(), 0.001), LOOK))
            except queue.Empty:
                if time.monotonic() >= deadline:
                    return None
                continue
            if isinstance(answer, Notice):
                say(answer.text)
            elif isinstance(answer, Refused):
                raise SkipwiseError(answer.text)
            elif isinstance(answer, Broken) and (self._head is None or listens(self._head, seconds=LOOK)):
                self.gone = True
                raise RuntimeError(f"The driver of Ray made a mistake.\n{answer.text}")
            elif answer is None or isinstance(answer, Broken | Gone):
                raise self._lost(answer.said if isinstance(answer, Gone) else self._cause())
            elif not isinstance(answer, Alive):
                return answer

    def wait_for(self, kind: type[Kind], seconds: float) -> Kind:
        """Returns the answer of a kind; others before it are of what does not matter any more.

        Raises:
            SkipwiseError: no run can continue.
            Interrupted: the cluster is gone, or does not answer within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            answer = self.hear(left)
            if isinstance(answer, kind):
                return answer
        raise self._lost(f"no answer within {seconds:.0f} s")

    def _look(self) -> None:
        """Looks from time to time whether the cluster's head node and the driver are there.

        Raises:
            Interrupted: one is not.
        """
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        if now - self._heard > SILENCE:
            raise self._lost(f"no answer for {SILENCE:.0f} s")
        if self._head is None:
            return
        if listens(self._head, seconds=LOOK):
            if self._lost_since is not None:
                say(f"The head node of the Ray cluster {self.address.place} answers again.")
            self._lost_since = None
        elif self._lost_since is None:
            self._lost_since = now
            say(
                f"The head node of the Ray cluster {self.address.place} does not answer; this waits for it for up to "
                f"{WAITING:.0f} s."
            )
        elif now - self._lost_since > WAITING:
            raise self._lost("its head node does not answer")

    def _lost(self, said: str) -> SkipwiseError:
        self.gone, self.said = True, " ".join(said.split())[:200]
        return Interrupted(
            f"The Ray cluster {self.address.place} can't be reached any more ({self.said}); what was saved is kept. "
            "Give the same command again once Ray is there, or with --executor local, which goes on on this machine."
        )

    def _cause(self) -> str:
        """Returns how the driver died."""
        status = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f"its driver ended with status {status}{f': {lines[-1]}' if lines else ''}"

    def kill(self) -> None:
        """Ends the process."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process, self._log:
            pass  # closed with it


def say(sentence: str) -> None:
    """Tells the user what should be known about the cluster."""
    warnings.warn(sentence, RayNotice, stacklevel=2)


def no_cluster(address: Address, said: str = "") -> SkipwiseError:
    """The error for an address where no Ray is; `said` is what Ray says of it."""
    said = f" ({said})" if said else ""
    clients = f" (ray:// takes the port of Ray's server for clients, usually {CLIENTS})" if address.is_client else ""
    return SkipwiseError(
        f"There is no Ray cluster {address.place} that answers{said}; start one with 'ray start --head', or correct "
        f"the address{clients}."
    )
