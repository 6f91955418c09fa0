"""`serve` against requests that are small and would take minutes, gigabytes, or another request's place."""

from __future__ import annotations

import io
import json
import os
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from skipwise.data.image.limits import VARIABLE, most_pixels
from skipwise.serving.api.tensors import parse
from skipwise.serving.api.uploads import is_parsed, uploads
from skipwise.serving.connections.problems import Problem
from skipwise.serving.metrics import Metrics
from skipwise.serving.serve import _most_pixels
from tests.served import Server, form, served

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported


@pytest.fixture(scope="module")
def image() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def server(exported: Exported) -> Iterator[Server]:
    """A server that lets few images wait, and few seconds pass; the system lets it have few files open at first."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    options = ("--queue", "2", "--request-timeout", "2", "--connections", "400")
    try:
        with served(f"plain={exported.folder}", *options) as running:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            yield running
            assert "Traceback" not in running.noticed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def tensor(shape: list[int], *, name: str = "image", **more: Any) -> bytes:
    kind = {"image": "BYTES", "pixels": "UINT8"}[name]
    return json.dumps({"inputs": [{"name": name, "datatype": kind, "shape": shape, **more}]}).encode()


class TestTensors:
    def test_an_output_is_asked_for_once(self) -> None:
        """Thousands of them would make a small request a large answer."""
        head = json.loads(tensor([1], data=[""])) | {"outputs": [{"name": "label"}] * 2}
        with pytest.raises(Problem, match="an output twice"):
            parse(json.dumps(head).encode(), None, 64)

    def test_the_images_are_counted_before_there_is_an_object_for_each(self) -> None:
        number = 200_000
        head = tensor([number, 1, 1, 1], name="pixels", parameters={"binary_data_size": number})
        tracemalloc.start()
        try:
            with pytest.raises(Problem, match="more than 64 images"):
                parse(head + bytes(number), str(len(head)), 64)
            assert tracemalloc.get_traced_memory()[1] < 20 * number
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("shape", [[65], [1, 65], [13, 5]])
    def test_encoded_images_too(self, shape: list[int]) -> None:
        size = 4 * 65
        head = tensor(shape, parameters={"binary_data_size": size})
        with pytest.raises(Problem, match="more than 64 images") as caught:
            parse(head + bytes(size), str(len(head)), 64)
        assert caught.value.status == 413

    def test_more_elements_than_its_shape_has(self) -> None:
        head = tensor([1], parameters={"binary_data_size": 40})
        with pytest.raises(Problem, match="1 elements, and there are more"):
            parse(head + bytes(40), str(len(head)), 64)

    def test_lists_in_lists(self) -> None:
        nested: Any = "aaaa"
        for _ in range(100):
            nested = [nested]
        with pytest.raises(Problem, match="has to be base64"):
            parse(tensor([1], data=nested), None, 64)


class TestForms:
    @pytest.mark.parametrize("kind", ["multipart/form-data", "Multipart/Form-Data", " MULTIPART/FORM-DATA"])
    def test_a_type_is_the_same_in_capital_letters(self, kind: str) -> None:
        """It is parsed in a thread, where it keeps nobody waiting."""
        body, written = form(("a", b"x"))
        written = written.replace("multipart/form-data", kind)
        assert is_parsed(written)
        assert [each.content for each in uploads(body, written, 64)] == [b"x"]
        assert is_parsed("Application/JSON; charset=utf-8")
        assert not is_parsed("image/png")

    def test_empty_fields_without_end(self) -> None:
        body, kind = form(("a", b"x"))
        with pytest.raises(Problem, match="empty fields"):
            uploads(b"--limit\r\n\r\n\r\n" * 1000 + body, kind, 64)


def test_a_version_of_the_metrics_that_is_none() -> None:
    text, _ = Metrics().text("application/openmetrics-text;version=abc")
    assert b"skipwise_requests" in text


class TestUpgrades:
    """The parser leaves out the body of a request that wants another protocol: it would be the next request."""

    WANTED = b"Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAA\r\n"

    @pytest.mark.parametrize("said", [b"Content-Length: 45\r\n", b"Transfer-Encoding: chunked\r\n"])
    def test_a_body_is_not_taken_for_a_request(self, server: Server, said: bytes) -> None:
        hidden = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
        found = server.raw(b"POST /v1/predict HTTP/1.1\r\n" + self.WANTED + said + b"\r\n", then=hidden)
        assert len(re.findall(rb"HTTP/1\.1 \d", found)) == 1
        assert found.startswith(b"HTTP/1.1 400")
        assert b"without the header Upgrade" in found

    def test_without_a_body_it_is_answered(self, server: Server) -> None:
        for more in (b"", b"Content-Length: 0\r\n"):
            found = server.raw(b"GET /health/live HTTP/1.1\r\n" + self.WANTED + more + b"\r\n")
            assert found.startswith(b"HTTP/1.1 200")


def test_the_stricter_limit_of_pixels_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, asked, holds in (("1e9", 64_000_000, 64_000_000), ("1000", 64_000_000, 1000), (None, 5, 5)):
        monkeypatch.delenv(VARIABLE, raising=False)
        if there is not None:
            monkeypatch.setenv(VARIABLE, there)
        with _most_pixels(asked):
            assert most_pixels() == holds
        assert os.environ.get(VARIABLE) == there


class TestLimits:
    def test_more_images_than_may_wait_are_too_many(self, server: Server, image: bytes) -> None:
        """Asking again later would not help."""
        body, kind = form(*[("a", image)] * 3)
        found = server.ask("/v1/predict", body, content_type=kind)
        assert (found.status, found.detail) == (413, "The request holds more than 2 images; send fewer at a time.")

    @pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="this system does not tell")
    def test_all_connections_that_it_allows_can_be_open(self, server: Server) -> None:
        told = Path(f"/proc/{server.process.pid}/limits").read_text()
        line = next(each for each in told.splitlines() if each.startswith("Max open files"))
        assert int(line.split()[3]) >= 400 + 100

    def test_a_client_that_is_slow_is_told_that_it_is(self, server: Server) -> None:
        found = server.raw(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
        assert found.startswith(b"HTTP/1.1 408")
