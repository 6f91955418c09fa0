"""A server of `skipwise serve` as a real process, in which PyTorch can't be imported, and clients for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITHOUT_TORCH = (
    "import sys; sys.modules['torch'] = sys.modules['torchvision'] = None; "
    "from skipwise.cli.app import main; sys.argv[0] = 'skipwise'; main()"
)
START_SECONDS = 120.0


@dataclass(frozen=True)
class Reply:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """The sentence of a problem document, which it has to be."""
        assert self.headers["content-type"] == "application/problem+json", (self.status, self.body)
        problem = self.json
        assert problem["status"] == self.status
        assert problem["type"] == "about:blank"
        detail: str = problem["detail"]
        assert detail[0].isupper()
        assert detail.endswith(".")
        return detail


class Server:
    """A server's process. What it prints is in `said` and `noticed`."""

    def __init__(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._said, self._noticed = (Path(self._folder.name) / name for name in ("stdout", "stderr"))
        words = [sys.executable, "-c", WITHOUT_TORCH, "serve", *map(str, arguments)]
        with self._said.open("wb") as said, self._noticed.open("wb") as noticed:
            self.process = subprocess.Popen(
                words, stdout=said, stderr=noticed, env=os.environ | dict(env or {}), stdin=subprocess.DEVNULL
            )
        self.port = 0

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def noticed(self) -> str:
        return self._noticed.read_text()

    def wait_until_ready(self) -> None:
        """Waits until it says where it listens."""
        until = time.monotonic() + START_SECONDS
        while "Page: " not in self.said or not self.said.endswith("\n"):
            assert self.process.poll() is None, self.noticed
            assert time.monotonic() < until, self.noticed
            time.sleep(0.02)
        self.port = int(self.said.partition("Page: ")[2].split("/")[2].rpartition(":")[2])

    def wait_for(self, sentence: str) -> None:
        """Waits until it has noticed something."""
        until = time.monotonic() + START_SECONDS
        while sentence not in self.noticed:
            assert self.process.poll() is None, self.noticed
            assert time.monotonic() < until, self.noticed
            time.sleep(0.02)

    def ask(self, path: str, body: bytes | None = None, *, method: str | None = None, **headers: str) -> Reply:
        """Sends a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method or ("GET" if body is None else "POST"), path, body, named)
            return reply_of(connection.getresponse())
        finally:
            connection.close()

    def raw(self, data: bytes, *, seconds: float = 20.0, then: bytes = b"", ends: bool = False) -> bytes:
        """Sends bytes as they are, and gives back all that comes until the connection ends.

        Args:
            ends: whether the client says that it sends no more.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            found = b""
            try:
                connection.sendall(data)
                if then:
                    connection.sendall(then)
                if ends:
                    connection.shutdown(socket.SHUT_WR)
                while some := connection.recv(2**16):
                    found += some
            except (ConnectionError, TimeoutError):
                pass
            return found

    def end(self, number: int = signal.SIGTERM) -> int:
        """Asks it to end, and gives back its status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        self._folder.cleanup()


def reply_of(response: http.client.HTTPResponse) -> Reply:
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


@contextmanager
def served(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server on a free port; two threads at most."""
    server = Server(*arguments, "--port", "0", "--threads", "1", "--workers", "2", env=env)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.close()


def form(*files: tuple[str, bytes], boundary: str = "limit") -> tuple[bytes, str]:
    """A form with files, and its content type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
