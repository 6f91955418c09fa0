"""Where a cluster is said to be, and whether anybody listens there, without Ray."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skipwise.core.errors import SkipwiseError

CLIENTS = 10001
"""The usual port of Ray's server for clients."""
_WITHOUT_PORT = re.compile(r"ray://(\[[^]]*\]|[^][:/?]+)")


@dataclass(frozen=True, kw_only=True)
class Address:
    """The address of a cluster.

    Args:
        text: as `ray.init` takes it; None is the cluster of this machine, or else a new one.
        environment: the runtime environment of a connection that this process has already.
    """

    text: str | None
    environment: dict[str, Any] | None = None

    @property
    def place(self) -> str:
        """In a sentence."""
        return "on this machine" if self.text in {None, "auto", "local"} else f"at {self.text}"

    @property
    def is_client(self) -> bool:
        """True for Ray's server for clients."""
        return (self.text or "").startswith("ray://")

    @property
    def endpoint(self) -> str | None:
        """The host and the port; None where Ray finds them."""
        rest = (self.text or "").rpartition("://")[2].partition("/")[0]
        host, _, port = rest.rpartition(":")
        return rest if host and port.isdecimal() else None


def find_address(asked: str | None) -> Address:
    """Returns the address of the cluster: the one asked for, or of Ray's connection in this process, or RAY_ADDRESS.

    Raises:
        SkipwiseError: it is an address of something else, or only the connection of this process has it.
    """
    ray: Any = sys.modules.get("ray")
    if asked is None and ray is not None and ray.is_initialized():
        return _of_this_process(ray)
    text = asked or os.environ.get("RAY_ADDRESS") or None
    if text is None:
        return Address(text=None)
    if text.startswith(("http://", "https://")):  # which 'ray job submit' takes
        raise SkipwiseError(
            f"{text} is the address of Ray's dashboard, to which jobs are submitted; name that of the cluster, such as "
            f"--executor ray://head:{CLIENTS}."
        )
    return Address(text=f"{text}:{CLIENTS}" if _WITHOUT_PORT.fullmatch(text) else text)


def _of_this_process(ray: Any) -> Address:
    if ray.util.client.ray.is_connected():
        raise SkipwiseError(
            "This process is connected to Ray as a client, which does not tell where; give the address here, too, such "
            f"as RayExecutor('ray://head:{CLIENTS}')."
        )
    context = ray.get_runtime_context()
    return Address(text=context.gcs_address, environment=dict(context.runtime_env) or None)


def listens(endpoint: str, *, seconds: float, waiting: Callable[[float], None] = lambda _: None) -> bool:
    """Returns whether somebody listens at a host and port, who accepts a connection within so many seconds.

    Args:
        waiting: is called now and then with the seconds so far.
    """
    host, _, port = endpoint.rpartition(":")
    accepted: list[bool] = []

    def try_it() -> None:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
        except (OSError, OverflowError, UnicodeError):
            return
        accepted.append(True)

    # In a thread, since a name may take minutes to be looked up.
    trying = threading.Thread(target=try_it, daemon=True)
    trying.start()
    began = time.monotonic()
    while trying.is_alive() and (waited := time.monotonic() - began) < seconds:
        waiting(waited)
        trying.join(0.5)
    return bool(accepted)
