"""A server of HTTPS on this machine, with a certificate of its own, that can misbehave."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Behaviour = Callable[["Handler"], None]


@dataclass
class Site:
    """What is served at which path, and how; `asked` are the ranges that were asked for, "" for all."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.site.asked.append(self.headers.get("Range", ""))
        behave = self.site.behaviours.get(self.path, serve)
        with suppress(OSError):
            behave(self)

    def start(self, status: int, **headers: object) -> None:
        """The status and headers, with `-` for `_`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def etag(data: bytes) -> str:
    return f'"{hash(data) & 0xFFFFFFFF:x}"'


def serve(handler: Handler, *, most: int | None = None, honest: bool = True) -> None:
    """As a good server does, but for `most` bytes after which the connection breaks, and a check of If-Range."""
    data = handler.site.files.get(handler.path)
    if data is None:
        handler.send_error(404)
        return
    wanted, known = handler.headers.get("Range"), handler.headers.get("If-Range")
    start = 0
    if wanted and (known == etag(data) or not honest):
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            handler.send_error(416)
            return
    headers: dict[str, object] = {"Content_Length": len(data) - start, "ETag": etag(data)}
    if start:
        headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    handler.start(206 if start else 200, **headers)
    handler.wfile.write(data[start:][:most])
    handler.close_connection = True


def cut_after(most: int) -> Behaviour:
    return lambda handler: serve(handler, most=most)


def redirected_to(address: str) -> Behaviour:
    return lambda handler: handler.start(302, Location=address, Content_Length=0)


def endless(handler: Handler) -> None:
    handler.start(200)
    while True:
        handler.wfile.write(bytes(2**16))


def declaring(length: int) -> Behaviour:
    def behave(handler: Handler) -> None:
        handler.start(200, Content_Length=length)
        time.sleep(60)

    return behave


def silent(handler: Handler) -> None:
    handler.start(200, Content_Length=100)
    handler.wfile.write(b"some")
    handler.wfile.flush()
    time.sleep(60)


def slow(handler: Handler) -> None:
    handler.start(200, Content_Length=10**6)
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.02)


def headers_without_end(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-More: 1\r\n")
        handler.wfile.flush()
        time.sleep(0.2)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    made.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.TraditionalOpenSSL
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return made, key


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Site, Path]]:
    """A site and its certificate, which nobody trusts yet."""
    made, key = certificate(folder)
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfThisSite", (Handler,), {"site": site}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    site.address = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site, made
    finally:
        server.shutdown()
        server.socket.close()
        thread.join()
