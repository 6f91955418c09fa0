"""An object store in this process, as S3 speaks to it, and a web server that fails on purpose."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


class Store:
    """A bucket of an object store.

    Args:
        endpoint: the address of the server.
    """

    def __init__(self, endpoint: str) -> None:
        import boto3

        self.endpoint = endpoint
        self.client = boto3.client("s3")

    def bucket(self, name: str) -> str:
        """Makes a bucket, and returns its name."""
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def put_folder(self, bucket: str, prefix: str, folder: Path) -> None:
        """Puts every file of a folder below a prefix."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(bucket, f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())


@contextlib.contextmanager
def object_store(patch: pytest.MonkeyPatch) -> Iterator[Store]:
    """moto's server on a free port of this machine, which this process and those that it starts use as S3."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield Store(f"http://{host}:{port}")
    finally:
        server.stop()


Answer = Callable[["Handler"], bool]
"""Answers a request in its own way; returns whether it did."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves files, with ranges, unless the server's `answer` does something else first."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_HEAD(self) -> None:
        self.respond(body=False)

    def do_GET(self) -> None:
        self.respond(body=True)

    def respond(self, *, body: bool) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("Range", "")))
        if self.server.answer is not None and self.server.answer(self):
            return
        data = self.server.files.get(self.path.partition("?")[0])
        if data is None:
            self.fail(404)
            return
        start, end, status = 0, len(data), 200
        given = self.headers.get("Range", "") if self.server.ranges else ""
        if given:
            first, _, last = given.removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(len(data), int(last) + 1), 206
        self.send_response(status)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Content-Type", self.server.kind)
        if self.server.versions:
            self.send_header("ETag", f'"{hash(data)}"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.end_headers()
        if body:
            with contextlib.suppress(ConnectionError):
                self.wfile.write(data[start:end])

    def fail(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def cut_off(self, data: bytes, claimed: int) -> None:
        """Promises more bytes than it sends."""
        self.send_response(200)
        self.send_header("Content-Length", str(claimed))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


class Forwarding(Handler):
    """Hands requests on to an object store, unless the server's `answer` does something else first."""

    def respond(self, *, body: bool) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("Range", "")))
        if self.server.answer is not None and self.server.answer(self):
            return
        with contextlib.closing(http.client.HTTPConnection(self.server.behind)) as there:
            there.request(self.command, self.path, headers=dict(self.headers))
            found = there.getresponse()
            data = found.read()
        self.send_response_only(found.status)
        for name, value in found.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)) if body else found.getheader("Content-Length", "0"))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data)


class WebServer(http.server.ThreadingHTTPServer):
    """A web server with files in memory.

    Args:
        behind: host and port of an object store; then all is handed on to that.

    Attributes:
        files: by their paths.
        answer: what is asked first; see `Handler`.
        ranges: whether it sends parts.
        versions: whether it says which version of a file it sends.
        kind: the type that it calls its files.
        asked: the requests so far: method, path and range.
    """

    daemon_threads = True

    def __init__(self, behind: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler if behind is None else Forwarding)
        self.behind = behind
        self.files: dict[str, bytes] = {}
        self.answer: Answer | None = None
        self.ranges = self.versions = True
        self.kind = "application/octet-stream"
        self.asked: list[tuple[str, str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def between(store: Store, patch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """What this process takes for the object store from now on; it fails where it is told to."""
    from s3fs import S3FileSystem

    with web_server(store.endpoint.removeprefix("http://")) as server:
        patch.setenv("AWS_ENDPOINT_URL", server.address)
        S3FileSystem.clear_instance_cache()
        yield server
    S3FileSystem.clear_instance_cache()


@contextlib.contextmanager
def web_server(behind: str | None = None) -> Iterator[WebServer]:
    """A web server that fails where it is told to; for the argument see `WebServer`."""
    with WebServer(behind) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def waited_for(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Returns whether something comes true in time."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()
