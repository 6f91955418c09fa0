"""ONNX and OpenVINO files that were changed on purpose and sealed again: what no export holds is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.formats import find_backend
from skipwise.deploy.runtime.model_session import ModelSession
from tests.conftest import Run, Shipped
from tests.resealing import changed, pictures, refused, reseal


@pytest.fixture(scope="module")
def made(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An artifact of each of these formats, and images."""
    formats = {format: shipped(format) for format in ("onnx", "openvino")}
    return {**formats, "images": pictures(tmp_path_factory.mktemp("graphs") / "images")}


ONNX_ATTACKS: dict[str, tuple[Callable[[Any], object], str]] = {}


def onnx_attack(reason: str) -> Callable[[Callable[[Any], object]], Callable[[Any], object]]:
    def named(edit: Callable[[Any], object]) -> Callable[[Any], object]:
        ONNX_ATTACKS[edit.__name__] = (edit, reason)
        return edit

    return named


@onnx_attack("operators of the domain 'evil'")
def another_domain(model: Any) -> None:
    model.graph.node.add(op_type="Run", domain="evil", input=["pixels"], output=["x"])
    model.opset_import.add(domain="evil", version=1)


@onnx_attack("operators of the domain 'com.microsoft'")
def an_engines_own_domain(model: Any) -> None:
    model.graph.node.add(op_type="EPContext", domain="com.microsoft", input=["pixels"], output=["x"])
    model.opset_import.add(domain="com.microsoft", version=1)


@onnx_attack("the operator Loop, which repeats or skips")
def an_endless_loop(model: Any) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"]), helper.make_node("Identity", ["before"], ["after"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    last = model.graph.node[-1]
    name, last.output[0] = last.output[0], "once"
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "true"))
    model.graph.node.append(helper.make_node("Loop", ["", "true", "once"], [name], body=body))


@onnx_attack("the operator If, which repeats or skips")
def a_branch(model: Any) -> None:
    empty = helper.make_graph([], "empty", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=empty, else_branch=empty))


@onnx_attack("holds functions")
def a_function(model: Any) -> None:
    model.functions.add(name="f", domain="")


@onnx_attack("is stored in another file")
def weights_of_another_file(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="golden/1.png")


@onnx_attack("does not have as many numbers as its shape says")
def weights_that_are_cut(model: Any) -> None:
    tensor = next(each for each in model.graph.initializer if len(each.raw_data) > 64)
    tensor.raw_data = tensor.raw_data[:-4]


@onnx_attack("does not have as many numbers as its shape says")
def a_size_that_overflows(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.dims[:] = [2**33, 2**33]


@onnx_attack("has a type that no export writes")
def weights_that_are_texts(model: Any) -> None:
    model.graph.initializer.append(helper.make_tensor("texts", TensorProto.STRING, [1], [b"a"]))


def drawn(kind: str, *more: str) -> Callable[[Any], object]:
    """Puts an operator in front of what the network answers."""

    def edit(model: Any) -> None:
        last = model.graph.node[-1]
        name, last.output[0] = last.output[0], "before"
        model.graph.node.append(helper.make_node(kind, ["before", *more], [name]))
        for each in more:
            value = np.array(True) if each == "on" else np.array(0.5, np.float32)
            model.graph.initializer.append(numpy_helper.from_array(value, each))

    return edit


for kind in ("RandomUniformLike", "RandomNormalLike", "Bernoulli", "Multinomial", "RandomUniform", "RandomNormal"):
    ONNX_ATTACKS[kind] = (drawn(kind), f"the operator {kind}, which draws random numbers")
ONNX_ATTACKS["Dropout"] = (drawn("Dropout", "ratio", "on"), "the operator Dropout, which draws random numbers")


@pytest.mark.parametrize("name", list(ONNX_ATTACKS))
def test_onnx_files_hold_plain_operators_and_their_own_weights(
    made: dict[str, Path], tmp_path: Path, name: str
) -> None:
    edit, reason = ONNX_ATTACKS[name]
    artifact = changed(made["onnx"], tmp_path / "artifact")
    model = onnx.load(artifact / "model.onnx")
    edit(model)
    (artifact / "model.onnx").write_bytes(model.SerializeToString())
    reseal(artifact)
    refused(artifact, made["images"], reason)
    with pytest.raises(SkipwiseError, match=reason):
        ModelSession(find_backend("openvino"), artifact / "model.onnx", 1)


IR_ATTACKS = {
    "another set of operators": (('version="opset1"', 'version="extension"'), "of 'extension'"),
    "a loop": (('type="SoftMax" version="opset8"', 'type="Loop" version="opset5"'), "the operator Loop"),
    "an iterator": (('type="SoftMax" version="opset8"', 'type="TensorIterator" version="opset1"'), "TensorIterator"),
    "a memory": (('type="SoftMax" version="opset8"', 'type="ReadValue" version="opset6"'), "ReadValue"),
    "an entity": (
        ('<?xml version="1.0"?>', '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        "declares a document type",
    ),
    "an offset": (('offset="0"', 'offset="99999999999"'), "is not inside the file of weights"),
    "an offset that wraps": (('offset="0" size="4"', f'offset="{2**64 - 4}" size="4"'), "is not inside the file"),
    "a negative one": (('offset="0"', 'offset="-4"'), "has a type that no export writes"),
    "a shape": (('shape="" offset="0"', 'shape="4294967296,4294967296" offset="0"'), "not as long as its shape says"),
    "a kind": (('element_type="f32" shape="" offset="0"', 'element_type="string" shape="" offset="0"'), "has a type"),
    "chance": (
        ('type="SoftMax" version="opset8"', 'type="RandomUniform" version="opset8"'),
        "RandomUniform, which draws",
    ),
    "lots": (('type="SoftMax" version="opset8"', 'type="Multinomial" version="opset13"'), "Multinomial, which draws"),
    "a layer in a layer": (
        ('<data element_type="f32"', '<x><layer type="Parameter" version="opset1" /></x><data element_type="f32"'),
        "holds layers inside other layers",
    ),
    "layers elsewhere": (("<layers>", "<x><layer /></x><layers>"), "holds layers inside other layers"),
    "a weight behind something else": (
        ('<data element_type="f32" shape="" offset="0"', '<x /><data element_type="f32" shape="" offset="99999999999"'),
        "is not inside the file of weights",
    ),
    "another spelling": (
        ('type="Const" version="opset1">', 'type="Constant" version="opset1"><data offset="-1" />'),
        "has a type that no export writes",
    ),
    "another root": (("<net ", "<other "), "is damaged|not a network of OpenVINO"),
}


@pytest.mark.parametrize("name", list(IR_ATTACKS))
def test_openvinos_files_hold_its_own_operators_and_their_own_weights(
    made: dict[str, Path], tmp_path: Path, name: str
) -> None:
    (before, after), reason = IR_ATTACKS[name]
    artifact = changed(made["openvino"], tmp_path / "artifact")
    text = (artifact / "model.xml").read_text(encoding="utf-8")
    assert before in text
    (artifact / "model.xml").write_text(text.replace(before, after, 1), encoding="utf-8")
    refused(reseal(artifact), made["images"], reason)


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes in folders here")
@pytest.mark.parametrize("name", ["model.onnx", "model.xml", "model.bin"])
def test_engines_do_not_wait_for_pipes(made: dict[str, Path], tmp_path: Path, name: str) -> None:
    engine = "onnxruntime" if name == "model.onnx" else "openvino"
    artifact = changed(made["onnx" if name == "model.onnx" else "openvino"], tmp_path / "artifact")
    (artifact / name).unlink()
    os.mkfifo(artifact / name)
    with pytest.raises(SkipwiseError, match="it is a pipe, not a file"):
        ModelSession(find_backend(engine), artifact / ("model.onnx" if name == "model.onnx" else "model.xml"), 1)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_the_command_line_says_it_in_a_sentence(cli: Run, made: dict[str, Path], tmp_path: Path, engine: str) -> None:
    artifact = changed(made[engine], tmp_path / "artifact")
    name = {"onnx": "model.onnx", "openvino": "model.xml"}[engine]
    content = (artifact / name).read_bytes()
    (artifact / name).write_bytes(content[: len(content) // 2])
    reseal(artifact)
    for verb in (["predict", str(artifact), str(made["images"])], ["verify", str(artifact), "--no-timing"]):
        found = cli(*verb)
        assert found.returncode == 2, found
        assert found.stderr.count("\n") == 1, found.stderr
        assert name in found.stderr
