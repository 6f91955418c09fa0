"""A server among clients of every kind, whose network is damaged or replaced meanwhile, and which is asked to end."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.attack.damage import damaged
from tests.attack.judging import crashed
from tests.attack.state import Ended, State, wait
from tests.attack.tasks import Task
from tests.processes import Command

ALLOWED = frozenset({200, 400, 404, 405, 408, 413, 415, 422, 431, 503})
SECONDS = 40.0
"""For the end of a server whose --drain-time is a few seconds; machines may be busy."""
SERVE = (
    "serve",
    "net=versions",
    "--port",
    "0",
    "--threads",
    "1",
    "--workers",
    "2",
    "--drain-time",
    "5",
    "--log",
    "log",
)


class Servers:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "servers")
        self.image = (self.state.images / "stripes0/000.png").read_bytes()

    def attack(self, rng: Random) -> tuple[str, str]:
        """Serves, disturbs and ends: what was done, and what did not hold."""
        self.state.restore(("shipped-onnx",))
        shutil.copytree(self.state.here / "shipped-onnx", self.state.here / "versions" / "1")
        command = self.state.start(SERVE)
        page = re.compile(r"Page: http://127\.0\.0\.1:(\d+)/\n")
        said = command._said / "stdout"
        if not wait(lambda: command.poll() is not None or page.search(said.read_text()) is not None):
            command.send_signal(signal.SIGKILL)
            return "serve", "It does not begin."
        begun = page.search(said.read_text())
        if begun is None:
            return "serve", crashed(self._ended(command)) or "It ended at once."
        port = int(begun[1])
        first = _label(port, self.image)
        seeds = [rng.randrange(2**32) for _ in range(4)]
        faults: list[str] = []
        clients = [threading.Thread(target=self._client, args=(port, Random(seed), first, faults)) for seed in seeds]
        for client in clients:
            client.start()
        done = self._change(command, rng)
        early = rng.random() < 0.5
        if not early:
            for client in clients:
                client.join()
            if not faults and _label(port, self.image) != first:
                faults.append("It gives another answer than at first.")
        number = rng.choice((signal.SIGTERM, signal.SIGINT))
        command.send_signal(number)
        ended = self._ended(command)
        for client in clients:
            client.join()
        what = f"{done}, then {number.name}{' while clients ask' if early else ''}"
        return what, self._judged(ended, faults)

    def _ended(self, command: Command) -> Ended:
        task = Task(name="serve", command=SERVE)
        wait(lambda: command.poll() is not None, SECONDS)
        if command.poll() is None:
            command.send_signal(signal.SIGKILL)
            return Ended(None, "", "it goes on", {}, SECONDS)
        return self.state.end(command, task)

    def _judged(self, ended: Ended, faults: list[str]) -> str:
        if failure := crashed(ended):
            return failure
        if ended.status != 0:
            return f"It ended with {ended.status}: {ended.err[-200:]}"
        return faults[0] if faults else ""

    def _change(self, command: Command, rng: Random) -> str:
        """Damages the network that is served, or puts another one beside it, and says so to the server."""
        versions = self.state.here / "versions"
        kind = rng.choice(("nothing", "damaged", "another", "gone"))
        if kind == "damaged":
            file = rng.choice(sorted(path for path in versions.rglob("*") if path.is_file()))
            data, how = damaged(file.read_bytes(), rng)
            file.write_bytes(data)
            kind = f"{file.relative_to(versions)}: {how}"
        elif kind == "another":
            shutil.copytree(self.state.here / "shipped-onnx", versions / "2")
        elif kind == "gone":
            shutil.rmtree(versions)
        command.send_signal(signal.SIGHUP)
        return f"{kind}, SIGHUP"

    def _client(self, port: int, rng: Random, label: str, faults: list[str]) -> None:
        for _ in range(12):
            move = rng.choice(MOVES)
            try:
                found = move(port, self.image, rng)
            except OSError:  # it has ended
                return
            for status in re.findall(rb"HTTP/1\.1 (\d{3})", found):
                if int(status) not in ALLOWED | {100}:
                    faults.append(f"{move.__name__} is answered with {int(status)}.")
            if str(self.state.root).encode() in found or b"Traceback" in found:
                faults.append(f"{move.__name__} is told what no client is to know.")
            if move is not altered and b'"label":' in found and f'"label":"{label}"'.encode() not in found:
                faults.append(f"{move.__name__} gets another answer.")


def _label(port: int, image: bytes) -> str:
    found = re.search(rb'"label":"([^"]+)"', good(port, image, Random(0)))
    return "" if found is None else found[1].decode()


def _exchanged(port: int, data: bytes, *, ends: bool = False, reads: bool = True) -> bytes:
    """What comes for some bytes until the connection ends."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while reads and (some := connection.recv(2**16)):
                found += some
        except (ConnectionError, TimeoutError):
            pass
    return found


def _request(image: bytes, more: bytes = b"") -> bytes:
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n" % (len(image), more)
    return head + image


def good(port: int, image: bytes, rng: Random) -> bytes:
    """A request as it should be."""
    del rng
    return _exchanged(port, _request(image, b"Connection: close\r\n"))


def half_closed(port: int, image: bytes, rng: Random) -> bytes:
    """One by a client that sends no more."""
    del rng
    return _exchanged(port, _request(image), ends=True)


def cut_off(port: int, image: bytes, rng: Random) -> bytes:
    """A part of one."""
    whole = _request(image)
    return _exchanged(port, whole[: rng.randrange(1, len(whole))], ends=True)


def gone(port: int, image: bytes, rng: Random) -> bytes:
    """Several of which nobody reads the answer."""
    return _exchanged(port, _request(image) * rng.randrange(1, 5), reads=False)


def reset(port: int, image: bytes, rng: Random) -> bytes:
    """One whose connection is reset."""
    del rng
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sendall(_request(image))
    connection.close()
    return b""


def nonsense(port: int, image: bytes, rng: Random) -> bytes:
    """Nonsense, by itself or behind a request."""
    junk = rng.randbytes(rng.randrange(1, 200)) + b"\r\n\r\n"
    return _exchanged(port, (_request(image) if rng.random() < 0.5 else b"") + junk, ends=True)


def altered(port: int, image: bytes, rng: Random) -> bytes:
    """A request, some bytes of which are others."""
    data, _ = damaged(_request(image, b"Connection: close\r\n"), rng)
    return _exchanged(port, data, ends=True)


def another_address(port: int, image: bytes, rng: Random) -> bytes:
    """Other addresses, with bodies that they do not take."""
    paths = ("/v1/models/net/about", "/v2/models/net/infer", "/metrics", "/health/ready", "/v2/models/net/ready")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(rng.choice(("GET", "POST")), rng.choice((*paths, f"/{os.fsdecode(b'a' * 9)}")), image)
        response = connection.getresponse()
        return b"HTTP/1.1 %d " % response.status + response.read()
    except http.client.HTTPException:
        return b""
    finally:
        connection.close()


MOVES: tuple[Callable[[int, bytes, Random], bytes], ...] = (
    good, good, half_closed, cut_off, gone, reset, nonsense, altered, another_address,
)  # fmt: skip
