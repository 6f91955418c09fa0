"""The servers that are compared, each a process that is given the same artifact."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from race.environments import made
from serving.client import Connection, Target, request

HERE = Path(__file__).parent
BATCH, WAIT = 8, 0.005
"""Images of a batch and seconds to wait for them: the defaults of `skipwise serve`, and what the others are told."""
STARTING = 180.0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A server.

    Args:
        name: for the table.
        needs: what an environment of its own has to install; () runs in this one.
        command: the words that start it, given the interpreter, the artifact and the port.
        request: a request with an image.
    """

    name: str
    needs: tuple[str, ...] = ()
    command: Callable[[str, Path, int], Sequence[str]]
    request: Callable[[bytes], bytes]


def _skipwise(python: str, artifact: Path, port: int) -> Sequence[str]:
    return python, "-m", "skipwise", "serve", f"served={artifact}", "--port", str(port)


def _as_json(image: bytes) -> bytes:
    return request("/predict", json.dumps({"image": base64.b64encode(image).decode()}).encode(), "application/json")


def _as_tensor(image: bytes) -> bytes:
    tensor = {
        "name": "image",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(image).decode()],
    }
    return request("/v2/models/served/infer", json.dumps({"inputs": [tensor]}).encode(), "application/json")


SKIPWISE = Kind(
    name="skipwise serve",
    command=_skipwise,
    request=lambda image: request("/v1/predict", image, "image/jpeg"),
)
RIVALS = (
    Kind(
        name="LitServe",
        needs=("litserve==0.2.*",),
        command=lambda python, artifact, port: (python, str(HERE / "litserve_server.py"), str(artifact), str(port)),
        request=_as_json,
    ),
    Kind(
        name="MLServer",
        needs=("mlserver==1.*",),
        command=lambda python, artifact, port: (python, str(HERE / "mlserver_server.py"), str(artifact), str(port)),
        request=_as_tensor,
    ),
)


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    target: Target

    @property
    def memory(self) -> int:
        """Bytes in memory of the process and those that it started."""
        return sum(map(_resident, [self.process.pid, *_children(self.process.pid)]))

    def ask(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        mine = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [*mine, *(below for each in mine for below in _children(each))]
    return []


@contextlib.contextmanager
def running(kind: Kind, artifact: Path, images: Sequence[bytes], cache: Path) -> Iterator[Running]:
    """A server, started and warm.

    Raises:
        RuntimeError: it can't be installed, or does not answer.
    """
    python = sys.executable
    if kind.needs:
        try:
            python = str(made(kind.name.lower(), cache, alone=(), needed=kind.needs) / "bin" / "python")
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{kind.name} can't be installed here") from error
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = cache / f"{kind.name}.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            kind.command(python, artifact, port), stdout=told, stderr=told, cwd=cache, start_new_session=True
        )
    target = Target(port, [kind.request(image) for image in images])
    try:
        if not asyncio.run(_answers(target, process)):
            raise RuntimeError(f"{kind.name} does not answer; {log} says why")
        yield Running(process, target)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _answers(target: Target, process: subprocess.Popen[bytes]) -> bool:
    """Waits until a server has answered eight images."""
    connection, end, answered = Connection(target.port), time.monotonic() + STARTING, 0
    while time.monotonic() < end and process.poll() is None:
        if await connection.ask(target.requests[0]) == 200:
            answered += 1
            if answered == BATCH:
                await connection.close()
                return True
        else:
            await asyncio.sleep(0.2)
    return False
