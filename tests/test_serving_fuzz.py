"""Requests that nobody would send: none gets a 5xx other than 503, and none is told a path or a line of code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.served import Server, served
from tests.test_serving_api import PIXEL

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported

LEAKS = re.compile(rb'Traceback|File "|\.py\b|site-packages|\bline \d+|0x[0-9a-f]{6}')
FEW, MANY = 100, 10_000


@pytest.fixture(scope="module")
def server(exported: Exported) -> Iterator[Server]:
    with served(exported.folder, "--max-bytes", "200000", "--request-timeout", "2") as running:
        yield running
        assert "Traceback" not in running.noticed


@pytest.fixture(scope="module")
def paths(exported: Exported) -> list[bytes]:
    return [str(each).encode() for each in (exported.folder, Path(__file__).parents[1], Path.home())]


def check(status: int, headers: Mapping[str, str], body: bytes, paths: list[bytes]) -> None:
    assert status < 500 or status == 503, (status, body)
    assert not LEAKS.search(body), body
    assert not any(each in body for each in paths if len(each) > 5), body
    assert headers["x-content-type-options"] == "nosniff"
    if status >= 400:
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["detail"].endswith(".")


def mutated(content: bytes) -> st.SearchStrategy[bytes]:
    """A document with some bytes changed, cut off, or with others behind it."""
    changes = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)

    def change(made: list[tuple[int, int]], end: int, more: bytes) -> bytes:
        found = bytearray(content)
        for place, value in made:
            found[place] = value
        return bytes(found[:end]) + more

    return st.builds(change, changes, st.integers(0, len(content)), st.binary(max_size=30))


INFERENCE = json.dumps(
    {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["aaaa"], "parameters": {}}]}
).encode()
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="a"; filename="b"\r\nContent-Type: image/png\r\n\r\n'
    + PIXEL
    + b"\r\n--b--\r\n"
)
BODIES = st.one_of(
    st.binary(max_size=300),
    mutated(PIXEL),
    mutated(INFERENCE),
    mutated(FORM),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["inputs", "images", "name", "shape", "datatype", "data", "parameters", "outputs"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=15,
    ).map(lambda value: json.dumps(value).encode()),
)
KINDS = st.one_of(
    st.sampled_from(
        [
            "image/png",
            "application/json",
            "application/json; charset=utf-16",
            "multipart/form-data; boundary=b",
            "multipart/form-data; boundary=" + "b" * 300,
            'multipart/form-data; boundary="b',
            "text/html",
            ";;;=",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
QUERIES = st.one_of(
    st.just(""),
    st.builds(
        "?{}={}".format,
        st.sampled_from(["top", "explain", "model", "version", "x"]),
        st.sampled_from(["1", "0", "-1", "1e9", "%00", "%ff%fe", "..%2f..%2fetc", "9" * 30, ""]),
    ),
)
TARGETS = st.sampled_from(
    [
        "/v1/predict",
        "/v2/models/onnx/infer",
        "/v2/models/onnx/versions/1/infer",
        "/v2/models/..%2f..%2f/infer",
        "/v1/models/%00",
        "/page/..%2f..%2fserve.py",
        "/page/../../serve.py",
        "//",
        "/%c3%28",
    ]
)
LENGTHS = st.none() | st.sampled_from(["0", "5", "-1", "1e3", "99999999999", "x"]) | st.integers(0, 150).map(str)


def fuzzed(server: Server, paths: list[bytes], examples: int) -> None:
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(TARGETS, QUERIES, BODIES, KINDS, LENGTHS)
    def one(target: str, query: str, body: bytes, kind: str, length: str | None) -> None:
        headers = {"content_type": kind} | ({} if length is None else {"inference_header_content_length": length})
        found = server.ask(target + query, body, **headers)
        check(found.status, found.headers, found.body, paths)

    one()
    assert server.ask("/v1/predict", PIXEL).status == 200


def broken_http(server: Server, paths: list[bytes], examples: int) -> None:
    request = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    framed = request + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(PIXEL) + PIXEL
    chunked = request + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunked += b"%x\r\n%s\r\n0\r\n\r\n" % (len(PIXEL), PIXEL)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(framed) | mutated(chunked) | st.binary(min_size=1, max_size=200))
    def one(data: bytes) -> None:
        found = server.raw(data, ends=not data.endswith((PIXEL, b"0\r\n\r\n")))
        for answer in re.split(rb"(?=HTTP/1\.1 \d{3} )", found)[1:]:
            head, _, body = answer.partition(b"\r\n\r\n")
            status = int(head[9:12])
            assert status < 500 or status == 503, answer
            assert not LEAKS.search(body), answer
            assert not any(each in body for each in paths if len(each) > 5), answer

    one()
    assert server.ask("/v1/predict", PIXEL).status == 200


def described(server: Server, paths: list[bytes], examples: int) -> None:
    """What the description of the API allows, and what it does not, by schemathesis."""
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    schema = schemathesis.openapi.from_dict(server.ask("/openapi.json").json)
    for result in schema.get_all_operations():
        operation = result.ok()
        modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]

        def one(case: Any) -> None:
            response = case.call(base_url=f"http://127.0.0.1:{server.port}", timeout=30)
            headers = {name.lower(): values[0] for name, values in response.headers.items()}
            check(response.status_code, headers, response.content, paths)
            case.validate_response(response, checks=[status_code_conformance, response_schema_conformance])

        strategy = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
        settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))(
            given(strategy)(one)
        )()


def test_a_few(server: Server, paths: list[bytes]) -> None:
    fuzzed(server, paths, FEW)
    broken_http(server, paths, FEW)
    described(server, paths, 2)


@pytest.mark.slow
def test_many(server: Server, paths: list[bytes]) -> None:
    fuzzed(server, paths, MANY // 2)
    broken_http(server, paths, MANY // 4)
    described(server, paths, MANY // 4 // 20)
