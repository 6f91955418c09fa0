"""The API of `serve`: answers are those of `Predictor`, in every form that a request may have."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import skipwise
from tests.served import Server, form, served

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported

TOLERANCE = 1e-5
"""How far answers of batches of different sizes may lie apart, in single precision."""


@pytest.fixture(scope="module")
def explaining(trained: Path) -> Path:
    """The artifact that gives heat maps, too."""
    return skipwise.export(trained, output=trained.parent / "explaining", explain=True).folder


@pytest.fixture(scope="module")
def server(exported: Exported, explaining: Path) -> Iterator[Server]:
    with served(f"plain={exported.folder}", f"maps={explaining}", "--threshold", "0.6") as running:
        yield running
        assert "Traceback" not in running.noticed


@pytest.fixture(scope="module")
def images(trained: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((trained.parent / "stripes").rglob("*.*"))[::3]]


@pytest.fixture(scope="module")
def expected(exported: Exported, images: list[bytes]) -> list[skipwise.Prediction]:
    with skipwise.Predictor(exported.folder, threads=1, batch_size=1) as predictor:
        return list(predictor.predict_many(images))


def is_same(answer: dict[str, Any], prediction: skipwise.Prediction) -> bool:
    close = all(
        abs(each["probability"] - prediction.probabilities[each["label"]]) < TOLERANCE
        for each in answer["probabilities"]
    )
    return close and answer["label"] == prediction.label and answer["sure"] == (prediction.probability >= 0.6)


class TestImages:
    def test_raw(self, server: Server, images: list[bytes], expected: list[skipwise.Prediction]) -> None:
        found = server.ask("/v1/predict?top=3", images[0], content_type="text/html")
        assert found.status == 200
        assert found.json["model"] == "plain"
        assert found.json["version"] == "1"
        assert found.json["threshold"] == 0.6
        (answer,) = found.json["answers"]
        assert len(answer["probabilities"]) == 3
        # Alone it is answered alone, as by the Predictor: to the bit.
        assert {each["label"]: each["probability"] for each in answer["probabilities"]} == expected[0].probabilities

    def test_a_form(self, server: Server, images: list[bytes], expected: list[skipwise.Prediction]) -> None:
        body, kind = form(*((f"{number}.png", content) for number, content in enumerate(images)))
        answers = server.ask("/v1/predict", body, content_type=kind).json["answers"]
        assert [answer["name"] for answer in answers] == [f"{number}.png" for number in range(len(images))]
        assert all(map(is_same, answers, expected))
        assert {answer["sure"] for answer in answers} == {True, False} or all(answer["sure"] for answer in answers)

    def test_json(self, server: Server, images: list[bytes], expected: list[skipwise.Prediction]) -> None:
        body = json.dumps({"images": [base64.b64encode(each).decode() for each in images]}).encode()
        answers = server.ask("/v1/predict", body, content_type="application/json").json["answers"]
        assert all(map(is_same, answers, expected))

    def test_one_of_several_that_cannot_be_read_does_not_spoil_the_others(
        self, server: Server, images: list[bytes], expected: list[skipwise.Prediction]
    ) -> None:
        body, kind = form(("good", images[0]), ("bad", b"no image"), ("cut", images[1][:200]))
        good, bad, cut = server.ask("/v1/predict", body, content_type=kind).json["answers"]
        assert is_same(good, expected[0])
        assert bad["error"].startswith("the image can't be read: it is not an image")
        assert "error" in cut
        assert "label" not in bad

    def test_a_heat_map(self, server: Server, images: list[bytes], explaining: Path) -> None:
        found = server.ask("/v1/predict?model=maps&explain=1", images[0]).json["answers"][0]
        with skipwise.Predictor(explaining, threads=1) as predictor:
            wanted = predictor.explain(images[0])
        assert found["label"] == wanted.prediction.label
        picture = found["heat_map"].removeprefix("data:image/png;base64,")
        from skipwise.data.image.decode import decode

        side = len(decode(base64.b64decode(picture)))
        assert side % len(wanted.square) == 0
        assert "heat_map" not in server.ask("/v1/predict?model=maps", images[0]).json["answers"][0]


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR4nGM8wQABTAwUMQA6AADYhMgK6QAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "detail"),
    [
        ("/v1/predict", b"", "", 400, "holds no image"),
        ("/v1/predict", b"nothing", "", 422, "is not an image of a known format; send a whole image"),
        ("/v1/predict", PIXEL[:-30], "", 422, "can't be read"),
        ("/v1/predict?model=nix", PIXEL, "", 404, "There is no such network here; there is plain, maps."),
        ("/v1/predict?version=7", PIXEL, "", 404, "has no such version; it has 1."),
        ("/v1/predict?top=0", PIXEL, "", 400, "top takes a number of classes from 1 to 1,000, not '0'"),
        ("/v1/predict?top=1001", PIXEL, "", 400, "from 1 to 1,000, not '1001'"),
        ("/v1/predict?explain=maybe", PIXEL, "", 400, "explain takes 1 or 0"),
        ("/v1/predict?explain=1", PIXEL, "", 400, "gives no heat maps"),
        ("/v1/predict?modle=plain", PIXEL, "", 400, "no parameter 'modle'"),
        ("/v1/predict?top=1&top=2", PIXEL, "", 400, "given twice"),
        ("/v1/predict", b"{", "application/json", 400, "can't be read"),
        ("/v1/predict", b'{"images": ["*"]}', "application/json", 400, "not base64"),
        ("/v1/predict", b'{"images": []}', "application/json", 400, "holds no image"),
        ("/v1/predict", b'{"images": ["' + b'","' * 64 + b'"]}', "application/json", 413, "more than 64 images"),
        ("/v1/predict", b'{"image": "x"}', "application/json", 400, "unknown field `image`"),
        ("/v1/predict", b"[" * 100_000, "application/json", 400, "can't be read"),
        ("/v1/predict", b"--a\r\n", "multipart/form-data", 400, "needs a boundary"),
        ("/v1/predict", b"--a\r\n\r\n", "multipart/form-data; boundary=a", 400, "breaks off"),
        ("/v1/predict", b"nonsense", "multipart/form-data; boundary=a", 400, "form"),
        ("/v1/predict", form()[0], "multipart/form-data; boundary=limit", 400, "form"),
        ("/v2/models/nix/infer", b"{}", "", 404, "no such network"),
        ("/v2/models/plain/versions/9/infer", b"{}", "", 404, "no such version"),
        ("/v2/models/plain/infer", b"{}", "", 400, "required field `inputs`"),
        ("/v2/models/plain/infer", b'{"inputs": []}', "", 400, "0 inputs"),
        ("/nowhere", PIXEL, "", 404, "openapi.json"),
        ("/health/live", PIXEL, "", 405, "another method"),
        ("/v1/predict/", PIXEL, "", 404, "nothing at this address"),
    ],
)
def test_a_request_that_is_wrong_gets_a_problem_that_says_the_mend(
    server: Server, path: str, body: bytes, kind: str, status: int, detail: str
) -> None:
    found = server.ask(path, body, **({"content_type": kind} if kind else {}))
    assert found.status == status
    assert detail in found.detail


class TestDescriptions:
    def test_models(self, server: Server, exported: Exported) -> None:
        first, second = server.ask("/v1/models").json["models"]
        assert (first["name"], first["versions"], first["explains"]) == ("plain", ["1"], False)
        assert (second["name"], second["explains"]) == ("maps", True)
        found = server.ask("/v1/models/plain").json
        assert found["classes"] == list(exported.artifact.classes)
        assert found["input"]["size"] == 24
        assert found["certificate"] is None
        assert str(exported.folder) not in json.dumps(found)

    def test_every_example_works(self, server: Server) -> None:
        described = server.ask("/openapi.json").json
        asked = 0
        for path, methods in described["paths"].items():
            address = path.replace("{model}", "plain").replace("{version}", "1")
            if "get" in methods:
                assert server.ask(address).status == 200, address
                asked += 1
            if "post" in methods:
                example = methods["post"]["requestBody"]["content"]["application/json"]["example"]
                found = server.ask(address, json.dumps(example).encode(), content_type="application/json")
                assert found.status == 200, found.body
                asked += 1
        assert asked == 19

    def test_metrics(self, server: Server) -> None:
        server.ask("/v1/predict", PIXEL)
        text = server.ask("/metrics").body.decode()
        assert 'skipwise_requests_total{route="/v1/predict",status="200"}' in text
        assert 'skipwise_images_total{model="plain",version="1"}' in text
        assert "skipwise_waiting_images 0.0" in text
        assert "skipwise_held_bytes 0.0" in text
        assert "process_resident_memory_bytes" in text


def infer(server: Server, tensor: dict[str, Any], *, behind: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
    head = json.dumps({"inputs": [tensor], **more}).encode()
    length = {"inference_header_content_length": str(len(head))} if behind else {}
    found = server.ask("/v2/models/plain/infer", head + behind, **length)
    assert found.status == 200, found.body
    size = int(found.headers.get("inference-header-content-length", len(found.body)))
    return json.loads(found.body[:size]), found.body[size:]


class TestOpenInferenceProtocol:
    def test_json(self, server: Server, images: list[bytes], expected: list[skipwise.Prediction]) -> None:
        texts = [base64.b64encode(each).decode() for each in images[:2]]
        tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": texts}
        found, _ = infer(server, tensor, id="seven")
        assert found["id"] == "seven"
        assert (found["model_name"], found["model_version"]) == ("plain", "1")
        chances, labels = found["outputs"]
        assert chances["shape"] == [2, 3]
        assert labels["data"] == [each.label for each in expected[:2]]
        assert max(chances["data"][:3]) == pytest.approx(expected[0].probability, abs=TOLERANCE)

    def test_pixels_get_the_answer_of_the_predictor(self, server: Server, exported: Exported) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (2, 30, 25, 3), np.uint8)
        with skipwise.Predictor(exported.folder, threads=1) as predictor:
            wanted = [predictor.predict(each).probability for each in pixels]
        asked = [{"name": "probabilities", "parameters": {"binary_data": False}}]
        for kind, values in (("UINT8", pixels), ("FP32", pixels.astype("<f4"))):
            tensor = {"name": "pixels", "shape": list(pixels.shape), "datatype": kind}
            behind = values.tobytes()
            sized = {**tensor, "parameters": {"binary_data_size": len(behind)}}
            for found, _ in (
                infer(server, sized, behind=behind, outputs=asked),
                infer(server, {**tensor, "data": values.tolist()}, outputs=asked),
            ):
                chances = np.reshape(found["outputs"][0]["data"], (2, 3))
                assert chances.max(axis=1) == pytest.approx(wanted, abs=TOLERANCE)

    def test_the_best_classes_are_told_by_name(
        self, server: Server, images: list[bytes], expected: list[skipwise.Prediction]
    ) -> None:
        wanted = [{"name": "probabilities", "parameters": {"classification": 2, "binary_data": True}}]
        content = struct.pack("<I", len(images[0])) + images[0]
        tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(content)}}
        found, behind = infer(server, tensor, behind=content, outputs=wanted)
        assert found["outputs"][0]["shape"] == [1, 2]
        (length,) = struct.unpack_from("<I", behind)
        chance, number, label = behind[4 : 4 + length].decode().split(":")
        assert label == expected[0].label
        assert float(chance) == pytest.approx(expected[0].probability, abs=TOLERANCE)
        assert number.isdigit()

    def test_softmax_of_the_logits_gives_the_probabilities(self, server: Server, images: list[bytes]) -> None:
        assert {"name": "logits", "datatype": "FP32", "shape": [-1, 3]} in server.ask("/v2/models/plain").json[
            "outputs"
        ]
        texts = [base64.b64encode(each).decode() for each in images[:4]]
        tensor = {"name": "image", "shape": [4], "datatype": "BYTES", "data": texts}
        found, _ = infer(server, tensor, outputs=[{"name": "logits"}, {"name": "probabilities"}])
        logits, chances = (np.reshape(each["data"], each["shape"]) for each in found["outputs"])
        assert np.isfinite(logits).all()
        exponents = np.exp(logits)
        assert exponents / exponents.sum(axis=1, keepdims=True) == pytest.approx(chances, abs=TOLERANCE)

    @pytest.mark.parametrize(
        ("tensor", "behind", "detail"),
        [
            ({"name": "x", "shape": [1], "datatype": "BYTES", "data": [""]}, b"", "not one of this network's"),
            (
                {"name": "image", "shape": [2], "datatype": "BYTES", "data": ["aaaa"]},
                b"",
                "2 elements, and there are 1",
            ),
            ({"name": "image", "shape": [1], "datatype": "BYTES", "data": [5]}, b"", "base64"),
            ({"name": "image", "shape": [1], "datatype": "BYTES"}, b"", "neither data nor binary_data_size"),
            ({"name": "image", "shape": [1], "datatype": "BYTES", "data": ["aaaa"]}, b"x", "bytes behind the JSON"),
            (
                {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 4}},
                b"\xff\xff\xff\xff",
                "cut off",
            ),
            (
                {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 10**9}},
                b"1234",
                "4 bytes behind the JSON",
            ),
            ({"name": "pixels", "shape": [1, 2, 2, 1], "datatype": "FP32", "data": [0.5] * 4}, b"", "0.5 is none"),
            ({"name": "pixels", "shape": [1, 2, 2, 1], "datatype": "UINT8", "data": [256] * 4}, b"", "whole numbers"),
            ({"name": "pixels", "shape": [1, 2, 2, 1], "datatype": "UINT8", "data": ["a"] * 4}, b"", "not UINT8"),
            ({"name": "pixels", "shape": [1, 2, 2, 3], "datatype": "UINT8", "data": [1] * 4}, b"", "12 elements"),
            (
                {"name": "pixels", "shape": [1, -2, -2, 1], "datatype": "UINT8", "data": [1] * 4},
                b"",
                "dimension below 0",
            ),
            ({"name": "pixels", "shape": [1, 0, 2, 1], "datatype": "UINT8", "data": []}, b"", "no pixels"),
            ({"name": "image", "shape": [10**4000] * 2, "datatype": "BYTES", "data": [""]}, b"", "above 1,099"),
            ({"name": "image", "shape": [-1], "datatype": "BYTES", "data": [""]}, b"", "dimension below 0"),
            ({"name": "image", "shape": [], "datatype": "BYTES", "data": [""]}, b"", "0 dimensions"),
            ({"name": "image", "shape": [2**62] * 10**4, "datatype": "BYTES", "data": [""]}, b"", "10,000 dimensions"),
            ({"name": "pixels", "shape": [1, 1, 1, 1], "datatype": "UINT8", "data": [[[[[1]]]]]}, b"", "not UINT8"),
            ({"name": "pixels", "shape": [1, 2, 2, 7], "datatype": "UINT8", "data": [1] * 28}, b"", "7 channels"),
            ({"name": "image", "shape": [1], "datatype": "BYTES", "data": ["aaaa"]}, b"", "The image 0 can't be read"),
        ],
    )
    def test_a_tensor_that_is_wrong(self, server: Server, tensor: dict[str, Any], behind: bytes, detail: str) -> None:
        head = json.dumps({"inputs": [tensor]}).encode()
        length = {"inference_header_content_length": str(len(head))} if behind else {}
        found = server.ask("/v2/models/plain/infer", head + behind, **length)
        assert found.status in (400, 422)
        assert detail in found.detail
        assert found.json["error"] == found.detail  # where clients of the protocol look

    def test_a_client_of_triton_works(
        self, server: Server, images: list[bytes], expected: list[skipwise.Prediction], tmp_path: Path
    ) -> None:
        pytest.importorskip("tritonclient.http")
        (tmp_path / "image").write_bytes(images[0])
        done = subprocess.run(
            [sys.executable, "-c", TRITON, str(server.port), str(tmp_path / "image")],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["live"]
        assert found["ready"]
        assert found["model ready"]
        assert not found["nix ready"]
        assert found["label"] == [expected[0].label]
        assert max(found["probabilities"][0]) == pytest.approx(expected[0].probability, abs=TOLERANCE)
        assert found["json"] == found["probabilities"]
        assert found["of pixels"] == [1, 3]
        assert found["best"].endswith(expected[0].label)
        assert found["wrong"].startswith("[422] The image 0 can't be read")


TRITON = """
import json, sys
import numpy as np
import tritonclient.http as http

client = http.InferenceServerClient(f"127.0.0.1:{sys.argv[1]}", concurrency=2)
found = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model ready": client.is_model_ready("plain", "1"),
    "nix ready": client.is_model_ready("nix"),
}
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
inputs = {each["name"]: each for each in client.get_model_metadata("plain")["inputs"]}


def image(content):
    tensor = http.InferInput("image", [1], inputs["image"]["datatype"])
    tensor.set_data_from_numpy(np.array([content], dtype=object))
    return tensor


content = open(sys.argv[2], "rb").read()
answer = client.infer("plain", [image(content)], request_id="a")
found["label"] = [each.decode() for each in answer.as_numpy("label")]
found["probabilities"] = answer.as_numpy("probabilities").tolist()
wanted = [http.InferRequestedOutput("probabilities", binary_data=False)]
found["json"] = client.infer("plain", [image(content)], outputs=wanted).as_numpy("probabilities").tolist()
best = [http.InferRequestedOutput("probabilities", class_count=1)]
found["best"] = client.infer("plain", [image(content)], outputs=best).as_numpy("probabilities").ravel()[0].decode()
pixels = http.InferInput("pixels", [1, 9, 9, 3], "UINT8")
pixels.set_data_from_numpy(np.zeros((1, 9, 9, 3), np.uint8))
futures = [client.async_infer("plain", [pixels]) for _ in range(8)]
found["of pixels"] = [each.get_result().as_numpy("probabilities").shape for each in futures][0]
try:
    client.infer("plain", [image(b"nonsense")])
except Exception as error:
    found["wrong"] = str(error)
print(json.dumps(found))
"""
