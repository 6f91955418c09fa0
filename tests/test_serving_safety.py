"""`serve` against clients that may not ask, send too much or too slowly, or what two servers may read differently."""

from __future__ import annotations

import io
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.served import Server, form, served

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported

TOKEN = "correct-horse-battery"
MOST = 100_000
SECONDS = 1.5


@pytest.fixture(scope="module")
def server(exported: Exported) -> Iterator[Server]:
    """A server with a token and low limits."""
    limits = ("--max-bytes", str(MOST), "--request-timeout", str(SECONDS), "--max-pixels", "1000000")
    origins = ("--allow-origin", "https://good.example", "--host-name", "images.example")
    with served(exported.folder, *limits, *origins, "--connections", "60", env={"SKIPWISE_TOKEN": TOKEN}) as running:
        yield running
        assert "Traceback" not in running.noticed
        assert TOKEN not in running.said + running.noticed


@pytest.fixture(scope="module")
def image() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(buffer, "PNG")
    return buffer.getvalue()


BEARER = f"Bearer {TOKEN}"


class TestTokens:
    def test_who_knows_it_is_answered(self, server: Server, image: bytes) -> None:
        assert server.ask("/v1/predict", image, authorization=BEARER).status == 200
        assert server.ask("/v1/predict", image, authorization=f"bearer {TOKEN}").status == 200
        assert "/v1/predict" in server.ask("/openapi.json", authorization=BEARER).json["paths"]

    @pytest.mark.parametrize(
        "given",
        ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xff"],
    )
    def test_others_are_not(self, server: Server, image: bytes, given: str) -> None:
        for path in ("/v1/predict", "/v2/models/onnx/infer"):
            found = server.ask(path, image, **({"authorization": given} if given else {}))
            assert found.status == 401
            assert "Authorization: Bearer TOKEN" in found.detail
            assert found.headers["www-authenticate"].startswith("Bearer")
        for path in ("/v1/models", "/metrics", "/openapi.json", "/v2/models/onnx"):
            assert server.ask(path).status == 401

    def test_two_of_them_are_none(self, server: Server) -> None:
        head = f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: {BEARER}\r\n"
        assert server.raw(f"{head}Connection: close\r\n\r\n".encode()).startswith(b"HTTP/1.1 200")
        twice = f"{head}Authorization: {BEARER}\r\nConnection: close\r\n\r\n"
        assert server.raw(twice.encode()).startswith(b"HTTP/1.1 401")

    def test_health_and_the_page_need_none(self, server: Server) -> None:
        for path in ("/", "/health/live", "/health/ready", "/v2/health/ready", "/v2"):
            assert server.ask(path).status == 200

    def test_the_line_to_call_it_does_not_show_the_token(self, server: Server) -> None:
        assert 'curl -H "Authorization: Bearer $SKIPWISE_TOKEN" --data-binary @photo.jpg' in server.said


class TestNamesAndOrigins:
    @pytest.mark.parametrize("name", ["localhost", "127.0.0.1:1", "[::1]:80", "images.example", "Images.Example:8000"])
    def test_a_name_of_its_own(self, server: Server, name: str) -> None:
        assert server.ask("/health/live", host=name).status == 200

    @pytest.mark.parametrize(
        "name", ["evil.example", "localhost.evil.example", "192.0.2.1", "", "localhost@evil", "a b"]
    )
    def test_another_name(self, server: Server, name: str) -> None:
        """As a page would use whose name was made to point to this machine."""
        found = server.ask("/health/live", host=name)
        assert found.status == 421
        assert "--host-name" in found.detail

    def test_no_name_or_two(self, server: Server) -> None:
        for hosts in ("", "Host: localhost\r\nHost: localhost\r\n"):
            found = server.raw(f"GET /health/live HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
            assert found.startswith(b"HTTP/1.1 400")

    def test_pages_of_other_origins_may_not_ask(self, server: Server, image: bytes) -> None:
        found = server.ask("/v1/predict", image, authorization=BEARER, origin="https://evil.example")
        assert found.status == 403
        assert "--allow-origin" in found.detail
        assert "access-control-allow-origin" not in found.headers
        assert server.ask("/v1/predict", image, authorization=BEARER, origin="null").status == 403

    def test_its_own_page_and_allowed_ones_may(self, server: Server, image: bytes) -> None:
        own = f"http://127.0.0.1:{server.port}"
        assert server.ask("/v1/predict", image, authorization=BEARER, origin=own).status == 200
        found = server.ask("/v1/predict", image, authorization=BEARER, origin="https://good.example")
        assert found.status == 200
        assert found.headers["access-control-allow-origin"] == "https://good.example"
        assert found.headers["cross-origin-resource-policy"] == "cross-origin"
        asked = server.ask("/v1/predict", method="OPTIONS", origin="https://good.example")
        assert asked.status == 204
        assert "authorization" in asked.headers["access-control-allow-headers"]

    def test_every_answer_has_strict_headers(self, server: Server) -> None:
        for path in ("/", "/nowhere", "/v1/models", "/health/live"):
            headers = server.ask(path).headers
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers


HEAD = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: {BEARER}\r\n"
HIDDEN = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        f"{HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{HIDDEN}",
        f"{HEAD}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd{HIDDEN}",
        f"{HEAD}Content-Length: 4\r\nContent-Length: 0\r\n\r\n{HIDDEN}",
        f"{HEAD}Content-Length: 4, 4\r\n\r\nabcd{HIDDEN}",
        f"{HEAD}Content-Length: +4\r\n\r\nabcd{HIDDEN}",
        f"{HEAD}Content-Length : 4\r\n\r\nabcd{HIDDEN}",
        f"{HEAD}Content-Length: 0x4\r\n\r\nabcd{HIDDEN}",
        f"{HEAD}Content-Length: {'9' * 40}\r\n\r\nabcd{HIDDEN}",
        f"{HEAD}Transfer-Encoding: xchunked\r\n\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding: identity\r\n\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n{HIDDEN}",
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{'f' * 40}\r\n{HIDDEN}",
        f"{HEAD}X: a\r\n Content-Length: 4\r\n\r\nabcd{HIDDEN}",
        f"{HEAD}X: a\nContent-Length: 4\r\n\r\nabcd{HIDDEN}",
        "GET / HTTP/1.1\nHost: localhost\n\n",
        "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\x00",
    ],
)
def test_what_two_servers_may_read_differently_is_refused(server: Server, data: str) -> None:
    """And the request that is hidden behind it is not answered."""
    found = server.raw(data.encode("latin-1"))
    assert len(re.findall(rb"HTTP/1\.1 \d{3}", found)) == 1
    assert found.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in found
    assert b"connection: close" in found


def test_headers_behind_a_body_change_nothing(server: Server, image: bytes) -> None:
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(image), image)
    head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    found = server.raw(head.encode() + chunk + f"Authorization: {BEARER}\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 401")


class TestSizes:
    def test_a_request_that_says_that_it_is_too_large(self, server: Server) -> None:
        found = server.raw(f"{HEAD}Content-Length: {10**12}\r\n\r\nabcd".encode())
        assert found.startswith(b"HTTP/1.1 413")
        assert b"100 kB" in found

    def test_a_request_in_chunks_that_becomes_too_large(self, server: Server) -> None:
        chunk = b"1000\r\n" + bytes(0x1000) + b"\r\n"
        found = server.raw(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 40, seconds=5)
        assert found.startswith(b"HTTP/1.1 413")

    def test_chunks_of_one_byte(self, server: Server) -> None:
        """They are many times as long as what they hold; the memory for them is not."""
        found = server.raw(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), then=b"1;" + b"x" * 500_000)
        assert found.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))

    def test_a_head_that_is_too_long(self, server: Server) -> None:
        for more in (b"X: " + b"a" * 10**6, b"X: a\r\n" * 10**5, b"X: " + b"a" * 40_000 + b"\r\n\r\n"):
            found = server.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + more)
            assert found.startswith(b"HTTP/1.1 431")
        assert server.raw(b"GET /" + b"a" * 10**6).startswith(b"HTTP/1.1 431")

    def test_an_image_of_too_many_pixels(self, server: Server) -> None:
        buffer = io.BytesIO()
        Image.new("L", (3000, 3000)).save(buffer, "PNG")
        found = server.ask("/v1/predict", buffer.getvalue(), authorization=BEARER)
        assert found.status == 422
        assert "1,000,000" in found.detail

    def test_an_image_that_says_that_it_is_small_and_is_not(self, server: Server) -> None:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

        header = (9).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
        packed = zlib.compress(bytes(50_000_000), 9)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
        assert server.ask("/v1/predict", bomb, authorization=BEARER).status in (200, 422)

    def test_a_packed_request(self, server: Server, image: bytes) -> None:
        found = server.ask("/v1/predict", zlib.compress(image), authorization=BEARER, content_encoding="gzip")
        assert found.status == 415
        assert "Content-Encoding" in found.detail

    def test_too_many_images(self, server: Server) -> None:
        body, kind = form(*[("a", b"x")] * 65)
        found = server.ask("/v1/predict", body, content_type=kind, authorization=BEARER)
        assert found.status == 413
        assert "more than 64 images" in found.detail


def trickled(server: Server, begin: bytes, more: bytes) -> tuple[float, bytes]:
    """How long a client can send a byte now and then, and what it is told."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(begin)
        began = time.monotonic()
        connection.settimeout(0.1)
        found = b""
        while time.monotonic() - began < 15:
            try:
                some = connection.recv(2**16)
                if not some:
                    break
                found += some
            except TimeoutError:
                try:
                    connection.sendall(more)
                except ConnectionError:
                    break
            except ConnectionError:
                break
        return time.monotonic() - began, found


class TestSlowClients:
    """Each is cut after the time for a request, and answered."""

    def test_all_at_once(self, server: Server, image: bytes) -> None:
        cases = {
            "head": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"a", (b"408",)),
            "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: a\r\n", (b"408",)),
            "nothing": (b"", b"", (b"408",)),
            "body": (f"{HEAD}Content-Length: 90000\r\n\r\n".encode(), b"a", (b"408",)),
            "chunks": (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), b"1\r\na\r\n", (b"408",)),
            "early": (b"POST /nix HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n", b"a", (b"401",)),
        }
        found: dict[str, tuple[float, bytes]] = {}

        def one(name: str) -> None:
            found[name] = trickled(server, *cases[name][:2])

        threads = [threading.Thread(target=one, args=(name,)) for name in cases]
        for thread in threads:
            thread.start()
        assert server.ask("/v1/predict", image, authorization=BEARER).status == 200  # others are not kept waiting
        for thread in threads:
            thread.join()
        for name, (seconds, said) in found.items():
            assert seconds < 12, name
            assert said[9:12] in cases[name][2], (name, said)

    def test_more_connections_than_there_may_be(self, server: Server) -> None:
        connections = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(80)]
        try:
            refused = 0
            for each in connections[60:]:
                refused += each.recv(2**16).startswith(b"HTTP/1.1 503")
            assert refused == 20
        finally:
            for each in connections:
                each.close()
        time.sleep(0.3)
        assert server.ask("/health/live").status == 200
