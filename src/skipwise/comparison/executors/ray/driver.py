"""The driver: a process that is connected to Ray, and has runs done as the command tells it.

    python -m skipwise.comparison.executors.ray.driver

Orders come on standard input, answers go to standard output; see messages.py. When standard input ends, the command is
gone, and this ends at once, with which Ray ends its runs.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from skipwise.comparison.executors.ray.address import CLIENTS, listens
from skipwise.comparison.executors.ray.messages import (
    Alive,
    Answer,
    Ask,
    Broken,
    Cancel,
    Cancelled,
    Close,
    Closed,
    Connect,
    Connected,
    Gone,
    Notice,
    Open,
    Opened,
    Order,
    Refused,
    Rooms,
    Submit,
    encode,
    read_order,
)
from skipwise.comparison.executors.ray.nodes import rooms
from skipwise.comparison.executors.ray.runs import ClusterGone, Runs
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import usable_cores
from skipwise.core.text import count

CONNECTING = 45.0
"""Seconds within which connecting is tried again where it fails."""
BEAT = 5.0
"""Seconds between two signs of life."""


class _Driver:
    """The driver. Orders are carried out one after the other, and runs are looked at between them."""

    def __init__(self) -> None:
        # Ray may print; only answers may reach the pipe.
        self._pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._runs: Runs | None = None
        self._sent = 0.0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            self._orders.put(read_order(line))
        os._exit(0)

    def send(self, answer: Answer) -> None:
        """Tells the command something."""
        self._sent = time.monotonic()
        self._pipe.write(encode(answer) + b"\n")

    def beat(self) -> None:
        """Gives a sign of life now and then."""
        if time.monotonic() - self._sent > BEAT:
            self.send(Alive())

    def work(self) -> None:
        """Carries out orders until the last one."""
        try:
            while not isinstance(order := self._next(), Close):
                self._carry_out(order)
        except SkipwiseError as error:
            self.send(Refused(text=str(error)))
            while not isinstance(self._orders.get(), Close):
                pass  # the command will ask for an end, and for nothing else
        if self._runs is not None:
            self._runs.close()
        ray.shutdown()
        self.send(Closed())

    def _next(self) -> Order:
        """The next order; until one comes, runs are looked at."""
        while True:
            self.beat()
            try:
                return self._orders.get_nowait() if self._runs else self._orders.get(timeout=1.0)
            except queue.Empty:
                if self._runs:
                    self._runs.step()

    def _carry_out(self, order: Order) -> None:
        if isinstance(order, Connect):
            self.send(Connected(head=_connect(order, lambda sentence: self.send(Notice(text=sentence)))))
        elif isinstance(order, Ask):
            self.send(Rooms(rooms=rooms(order.gpus)))
        elif isinstance(order, Open):
            self._runs = Runs(order, self.send, self.beat)
            self.send(Opened())
        elif isinstance(order, Submit):
            assert self._runs is not None
            self._runs.submit(order.job)
        elif isinstance(order, Cancel):
            assert self._runs is not None
            self._runs.stop(force=True)
            self.send(Cancelled())


def _connect(order: Connect, notice: Callable[[str], None]) -> str | None:
    """Connects this process with a cluster. Returns where its head node listens; None where Ray does not tell.

    Raises:
        SkipwiseError: it has other versions of Ray or Python, or asks for a token.
        ClusterGone: there is none.
    """
    options: dict[str, Any] = {"address": order.address}
    if order.address in {None, "auto"}:
        found = _running_here(order.address)  # not told to Ray, which uses its token only where it finds the address
        if found is None and order.address is None:
            options |= {"address": "local", "include_dashboard": False}
            notice(
                f"No Ray cluster is named, and none runs on this machine: Ray is started here, with "
                f"{count(usable_cores(), 'CPU')}, and ends with the comparison. For a cluster, give its address "
                f"(--executor ray://head:{CLIENTS}, or RAY_ADDRESS)."
            )
        elif found is None:
            raise ClusterGone("none runs here")
    where = f"at {order.address}" if order.address else "on this machine"
    deadline = time.monotonic() + CONNECTING
    while not ray.is_initialized():
        try:
            ray.init(**options, runtime_env=order.environment, log_to_driver=False, logging_level=logging.CRITICAL)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError, RayError) as error:
            _check_cause(error, where)
            said = " ".join(str(error).split())
            if time.monotonic() > deadline:
                raise ClusterGone(said) from error
            ray.shutdown()
            time.sleep(1)  # its head node may be starting
    _ignore_signals()  # Ray changed what they do
    if (order.address or "").startswith("ray://"):
        return None
    head: str = ray.get_runtime_context().gcs_address
    return head


def _check_cause(error: BaseException, where: str) -> None:
    """Raises SkipwiseError where a person has to do something before Ray can connect."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    said = " ".join(" ".join(map(str, causes)).split())
    if "AuthenticationError" in said or "InvalidAuthToken" in said:
        raise SkipwiseError(
            f"The Ray cluster {where} asks for its token; set RAY_AUTH_MODE=token, and put what 'ray get-auth-token' "
            "prints on its head node into RAY_AUTH_TOKEN, or into ~/.ray/auth_token."
        ) from error
    if "ersion" in said and "ismatch" in said:
        raise SkipwiseError(
            f"The Ray cluster {where} has other versions of Ray or Python ({said}); install the same on all machines."
        ) from error


def _running_here(asked: str | None) -> str | None:
    """The address of the cluster of this machine; Ray still has that of one that was killed."""
    from ray._private.services import canonicalize_bootstrap_address

    find: Any = canonicalize_bootstrap_address  # it says that it takes no None
    try:
        found: str | None = find(asked)
    except ConnectionError:
        return None
    return found if found is not None and listens(found, seconds=5.0) else None


def _ignore_signals() -> None:
    """The command hears of them, too, and asks for an end that saves what is under way."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            # Not SIG_IGN, which processes that are started from here would inherit.
            signal.signal(getattr(signal, name), lambda *_: None)


def main() -> None:
    """Carries out orders until the last one, or until the command is gone."""
    _ignore_signals()
    driver = _Driver()
    try:
        driver.work()
    except RayTaskError:  # an error of ours in a task, which is no sign of a lost cluster
        driver.send(Broken(text=traceback.format_exc()))
    except (ClusterGone, RayError, ConnectionError) as error:
        driver.send(Gone(said=str(error)))
    except Exception:
        driver.send(Broken(text=traceback.format_exc()))
    # At once: the thread above holds standard input, over which the interpreter would stumble on its way out.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
