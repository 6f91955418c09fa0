"""`serve` from its start to its end: what it says, what it refuses, and that no request is lost on the way."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import skipwise
from skipwise.core.errors import SkipwiseError
from tests.conftest import Run
from tests.resealing import reseal
from tests.served import Server, form, reply_of, served

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported


@pytest.fixture(scope="module")
def image() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(buffer, "PNG")
    return buffer.getvalue()


class Load:
    """Clients that ask one request after the other, on connections that are kept."""

    def __init__(self, server: Server, body: bytes, *, clients: int, path: str = "/v1/predict") -> None:
        self.server, self.body, self.path = server, body, path
        self.statuses: Counter[int] = Counter()
        self.versions: Counter[str] = Counter()
        self.lost: list[str] = []
        self.stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        with contextlib.closing(connection):
            while not self.stopping.is_set() and self.server.process.poll() is None:
                self._ask_once(connection)

    def _ask_once(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is None:
            try:
                connection.connect()
            except ConnectionError:  # it does not listen any more
                time.sleep(0.01)
                return
        try:
            connection.request("POST", self.path, self.body)
            reply = reply_of(connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            self.lost.append(repr(error))
            self.stopping.set()
            return
        self.statuses[reply.status] += 1
        if reply.status == 200:
            self.versions[reply.json["version"]] += 1
        elif reply.status == 503:
            assert int(reply.headers["retry-after"]) >= 1

    def wait_for(self, number: int) -> None:
        """Waits until so many more were answered."""
        goal, until = self.statuses.total() + number, time.monotonic() + 60
        while self.statuses.total() < goal and time.monotonic() < until and not self.lost:
            time.sleep(0.01)

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(60)


@contextmanager
def load(server: Server, body: bytes, *, clients: int = 4) -> Iterator[Load]:
    made = Load(server, body, clients=clients)
    try:
        made.wait_for(20)
        yield made
    finally:
        made.stop()


def test_asked_to_end_it_finishes_what_it_accepted(exported: Exported, image: bytes) -> None:
    with served(exported.folder) as server, load(server, image) as asking:
        probe = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        probe.request("GET", "/health/ready")
        assert reply_of(probe.getresponse()).status == 200
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        probe.request("GET", "/health/ready")
        assert reply_of(probe.getresponse()).status == 503
        # A request that comes in slowly, which began in time, is answered, too.
        slow = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        slow.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(image))
        time.sleep(1.2)
        slow.sendall(image)
        assert slow.recv(2**16).startswith(b"HTTP/1.1 200")
        slow.close()
        assert server.process.wait(30) == 0
        probe.close()
        asking.stop()
        assert not asking.lost
        assert set(asking.statuses) == {200}
        assert "everything that was accepted is answered" in server.noticed
        assert "Traceback" not in server.noticed


def test_it_does_not_wait_for_ever(exported: Exported) -> None:
    with served(exported.folder, "--drain-time", "3") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as slow:
            slow.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na")
            time.sleep(0.2)
            began = time.monotonic()
            assert server.end() == 0
            assert time.monotonic() - began < 15
            assert slow.recv(2**16).startswith(b"HTTP/1.1 503")
        assert "Stopped; 1 request could not be answered in time." in server.noticed
        assert "Traceback" not in server.noticed


def newer(exported: Exported, folder: Path) -> Path:
    """The same artifact under another identity."""
    shutil.copytree(exported.folder, folder)

    def changed(record: dict) -> None:
        record["provenance"]["recipe"] = folder.name

    reseal(folder, changed)
    return folder


def test_networks_are_replaced_under_load_without_losing_a_request(
    exported: Exported, image: bytes, tmp_path: Path
) -> None:
    place = tmp_path / "versions"
    newer(exported, place / "1")
    with served(f"net={place}") as server, load(server, image) as asking:
        assert "Serving net" in server.said
        newer(exported, place / "2")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("net is now served in version 1, 2.")
        asking.wait_for(20)
        assert server.ask("/v1/predict?version=1", image).json["version"] == "1"
        assert server.ask("/v2/models/net/versions/2/ready").status == 200
        # One that is damaged, or has other classes, leaves everything as it is, and is told in one sentence.
        newer(exported, place / "3")
        (place / "3" / "model.onnx").write_bytes(b"nonsense")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("net stays as it is: ")
        assert "3/model.onnx is not the file that was exported" in server.noticed
        shutil.rmtree(place / "3")
        newer(exported, place / "4")

        def other(record: dict) -> None:
            record["classes"][0] = "another"

        reseal(place / "4", other)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("has other classes than the network that is served")
        assert server.ask("/v1/models/net").json["versions"] == ["1", "2"]
        shutil.rmtree(place / "4")
        shutil.rmtree(place / "1")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("net is now served in version 2.")
        assert server.ask("/v1/predict?version=1", image).status == 404
        asking.stop()
        assert not asking.lost
        assert set(asking.statuses) == {200}
        assert set(asking.versions) == {"1", "2"}
        assert "Traceback" not in server.noticed


def test_a_watched_folder(exported: Exported, image: bytes, tmp_path: Path) -> None:
    place = tmp_path / "versions"
    newer(exported, place / "7")
    log = tmp_path / "answers.jsonl"
    with served(place, "--watch", "--log", log, "--log-images") as server:
        newer(exported, place / "12")
        server.wait_for("versions is now served in version 7, 12.")
        assert server.ask("/v1/predict", image).json["version"] == "12"
        pixels = {"name": "pixels", "shape": [1, 2, 2, 1], "datatype": "UINT8", "data": [9, 9, 9, 9]}
        server.ask("/v2/models/versions/infer", json.dumps({"inputs": [pixels]}).encode())
        assert server.end(signal.SIGINT) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    digest = hashlib.sha256(image).hexdigest()
    assert [line["sha256"] for line in lines] == [digest, hashlib.sha256(bytes([9] * 4)).hexdigest()]
    assert set(lines[0]) == {"time", "model", "version", "label", "probability", "sha256"}
    assert [each.name for each in (tmp_path / "answers.jsonl.images").iterdir()] == [digest]


def test_for_clients_that_have_gone_nothing_is_done(exported: Exported) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((1200, 1200), 50).save(buffer, "PNG")
    body = buffer.getvalue()
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    with served(exported.folder, "--queue", "200") as server:
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
                connection.sendall(head + body)
        assert server.ask("/v1/predict", body).status == 200
        counted = server.ask("/metrics").body.decode()
        answered = float(counted.partition('skipwise_images_total{model="onnx",version="1"} ')[2].split()[0])
        assert 1 <= answered < 50
        assert "skipwise_waiting_images 0.0" in counted
        assert "skipwise_held_bytes 0.0" in counted


def test_more_than_it_can_do_is_refused_at_once(exported: Exported) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((1500, 1500), 50).save(buffer, "PNG")
    body = buffer.getvalue()
    with served(exported.folder, "--queue", "3", "--host", "0.0.0.0", "--no-auth") as server:
        assert "NO TOKEN IS ASKED FOR (--no-auth)" in server.said
        assert "from other machines, too" in server.said
        assert server.ask("/health/live", host="192.0.2.7").status == 200
        assert server.ask("/health/live", host="evil.example").status == 421
        with load(server, body, clients=10) as asking:
            asking.wait_for(30)
            asking.stop()
            assert not asking.lost
            assert set(asking.statuses) <= {200, 503}
            assert asking.statuses[200] >= 3
            assert asking.statuses[503] >= 3
            assert server.ask("/health/live").status == 200
        several, kind = form(*[("a.png", body)] * 4)
        assert server.ask("/v1/predict", several, content_type=kind).status == 413  # they will never fit


class TestWhatIsRefused:
    """With one sentence and status 2."""

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"host": "0.0.0.0"}, "can be reached from other machines; give a --token"),
            ({"token": "short"}, "16 characters or more"),
            ({"token": "a b" * 10}, "without spaces"),
            ({"token": "x" * 20, "no_auth": True}, "leave one of them out"),
            ({"port": 70000}, "--port takes a number from 0 to 65535"),
            ({"threshold": 1.5}, "--threshold takes a probability"),
            ({"queue": 0}, "--queue must be at least 1"),
            ({"request_timeout": float("nan")}, "--request-timeout takes seconds from 0.1"),
            ({"drain_time": float("inf")}, "--drain-time takes seconds from 0.1 to 86400, not inf"),
            ({"batch_size": 10**6}, "--batch-size takes from 1 to 1024 images"),
            ({"max_bytes": 10**9}, "--max-bytes takes 268435456 at most"),
            ({"host": "a" * 70, "no_auth": True}, "is no address and no name of a machine"),
            ({"max_wait": -1}, "--max-wait takes milliseconds"),
            ({"log_images": True}, "give --log FILE, too"),
            ({"allow_origin": ["example.org"]}, "is no origin"),
            ({"host_name": ["a/b"]}, "is no name of a host"),
            ({"host": "192.0.2.1", "no_auth": True}, "is that an address of this machine?"),
            ({"public_key": "nowhere"}, "There is no file nowhere"),
            ({"log": "nowhere/a.jsonl", "port": 0}, "give another --log"),
            ({"backend": "torch", "port": 0}, "There is no backend for ONNX called 'torch'"),
        ],
    )
    def test_options_out_of_range(self, exported: Exported, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(SkipwiseError) as refused:
            skipwise.serve(exported.folder, **options)
        assert sentence in str(refused.value)

    def test_a_port_that_is_in_use(self, exported: Exported) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(SkipwiseError, match=f"take another with --port {port + 1}"):
                skipwise.serve(exported.folder, port=port)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may listen anywhere")
    def test_a_port_without_rights(self, exported: Exported) -> None:
        with pytest.raises(SkipwiseError, match="take one from 1024 on"):
            skipwise.serve(exported.folder, port=1)

    def test_what_is_no_network(self, exported: Exported, trained: Path, here: Path) -> None:
        (here / "empty" / "0").mkdir(parents=True)
        damaged = newer(exported, here / "damaged")
        (damaged / "model.onnx").write_bytes(b"nonsense")
        later = newer(exported, here / "later")
        reseal(later, lambda record: record.update(version=99))
        shutil.copytree(exported.folder, here / "an image")
        for words, sentence in (
            ([], "No network was named"),
            (["nowhere"], "There is no folder nowhere"),
            (["empty"], "holds neither an exported network (artifact.json) nor versions of one"),
            ([trained], "is a run; export it first: skipwise export"),
            ([damaged], "is not the file that was exported"),
            ([later], "install a newer Skipwise"),
            ([exported.folder, "other=nowhere"], "There is no folder nowhere"),
            ([exported.folder, exported.folder], "Two networks are called 'onnx'"),
            (["an image"], "give the network another one: NAME=an image"),
            ([f"a/b={exported.folder}"], "'a/b' can't be the name of a network"),
            (["name="], "give NAME=PATH"),
        ):
            with pytest.raises(SkipwiseError) as refused:
                skipwise.serve(words, port=0)
            assert sentence in str(refused.value)

    def test_without_the_extra(self, cli: Run, exported: Exported) -> None:
        done = cli("serve", exported.folder, "--port", "0", prepare=without_uvicorn)
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert "pip install 'skipwise[serve]'" in line


def without_uvicorn() -> None:
    """Makes it look as if it were not installed."""
    import importlib.util
    import sys

    real = importlib.util.find_spec
    sys.modules.pop("uvicorn", None)
    importlib.util.find_spec = lambda name, *rest: None if name == "uvicorn" else real(name, *rest)


def test_a_signature_is_asked_for(exported: Exported, tmp_path: Path) -> None:
    """Also of what comes later; see test_signing.py for signatures themselves."""
    key = tmp_path / "a.pub"
    key.write_text(
        "untrusted comment: minisign public key\n" + "RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    )
    with pytest.raises(SkipwiseError, match="is not signed"):
        skipwise.serve(exported.folder, port=0, public_key=key)
