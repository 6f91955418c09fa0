"""Programs of torch that were changed on purpose and sealed again: none runs code.

Every attack is made for real, and it is looked for the file that its code would leave.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.deploy.export.export import export
from skipwise.deploy.formats import find_backend
from skipwise.deploy.runtime import limits
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.runtime.torch_file import read_program
from skipwise.deploy.runtime.torch_operators import _ATEN, function_called
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.verify.verify import verify
from skipwise.nets.create import create_model
from tests import processes
from tests.conftest import Shipped
from tests.resealing import changed, pictures, refused, reseal, rewritten

GRAPH = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"


@pytest.fixture(scope="module")
def made(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Artifacts and images."""
    images = pictures(tmp_path_factory.mktemp("programs") / "images")
    return {"torch": shipped("torch"), "half": shipped("torch", "fp16"), "images": images}


class Evil:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.marker}'",)


def evil(marker: Path) -> bytes:
    content = io.BytesIO()
    torch.save(Evil(marker), content)
    return content.getvalue()


def expression(marker: Path) -> str:
    return f"__import__('os').system('touch {marker}')"


Change = Callable[[str, bytes], bytes | None]


def attack(artifact: Path, change: Change = lambda _, data: data, **more: bytes) -> Path:
    """`change` gets each member of the artifact's archive; `more` is added, with _ for what no keyword can have."""
    names = {name.replace("__", "/").replace("_DOT_", "."): data for name, data in more.items()}
    rewritten(artifact / "model.pt2", change, names, zipfile.ZIP_STORED)
    return reseal(artifact)


def of_json(member: str, edit: Callable[[dict[str, Any]], object]) -> Change:
    """Changes one member, which is JSON."""

    def change(name: str, data: bytes) -> bytes:
        if name != member:
            return data
        record = json.loads(data)
        edit(record)
        return json.dumps(record).encode()

    return change


def first_of_all(node: dict[str, Any]) -> Change:
    """Puts a call before those of the program."""
    return of_json(GRAPH, lambda record: record["graph_module"]["graph"]["nodes"].insert(0, node))


def loaded_by_torch(artifact: Path) -> None:
    """As who trusts the file would load it; in a process of its own."""
    process = processes.FORKING.Process(target=_load, args=(artifact / "model.pt2",), daemon=True)
    process.start()
    process.join(300)
    assert process.exitcode is not None


def _load(path: Path) -> None:
    with contextlib.suppress(Exception):
        torch.export.load(path)


def test_a_weight_that_is_a_pickle_is_refused(made: dict[str, Path], tmp_path: Path) -> None:
    artifact, marker = changed(made["torch"], tmp_path / "artifact"), tmp_path / "RAN"

    def flag(record: dict[str, Any]) -> None:
        next(iter(record["config"].values()))["use_pickle"] = True

    def change(name: str, data: bytes) -> bytes:
        return evil(marker) if name == "data/weights/weight_0" else of_json(WEIGHTS, flag)(name, data)

    attack(artifact, change)
    refused(artifact, made["images"], "weight_0 is a pickle, which can run code.*no part of it was run")
    assert not marker.exists()
    loaded_by_torch(artifact)
    assert marker.exists()  # so it was an attack


@pytest.mark.parametrize("name", ["custom_obj_0", "opaque_obj_0", "tensor_0"])
def test_constants_that_are_pickles_are_refused(made: dict[str, Path], tmp_path: Path, name: str) -> None:
    artifact, marker = changed(made["torch"], tmp_path / "artifact"), tmp_path / "RAN"
    constant = {"path_name": name, "is_param": False, "use_pickle": True, "tensor_meta": None}
    config = of_json("data/constants/model_constants_config.json", lambda r: r["config"].update(evil=constant))
    content = pickle.dumps(Evil(marker)) if name == "opaque_obj_0" else evil(marker)
    attack(artifact, config, **{f"data__constants__{name}": content})
    refused(artifact, made["images"], "not a program that Skipwise runs")
    assert not marker.exists()
    if name != "custom_obj_0":
        loaded_by_torch(artifact)
        assert marker.exists()


@pytest.mark.parametrize(
    "member",
    ["data/weights/model.pt", "data/constants/model.pt", "data/aotinductor/model/model.so", "extra/hello.txt"],
)
def test_members_that_no_export_writes_are_refused(made: dict[str, Path], tmp_path: Path, member: str) -> None:
    artifact, marker = changed(made["torch"], tmp_path / "artifact"), tmp_path / "RAN"
    attack(artifact, **{member.replace("/", "__"): evil(marker)})
    refused(artifact, made["images"], f"it holds 'archive/{member}', which no export writes")
    assert not marker.exists()


def test_sample_inputs_of_older_exports_are_never_opened(made: dict[str, Path], tmp_path: Path) -> None:
    artifact, marker = changed(made["torch"], tmp_path / "artifact"), tmp_path / "RAN"
    attack(artifact, lambda name, data: evil(marker) if name == "data/sample_inputs/model.pt" else data)
    answers = list(skipwise.predict(artifact, made["images"], threads=1))
    assert answers == list(skipwise.predict(made["torch"], made["images"], threads=1))
    assert verify(artifact, timing=False).certificate.passed
    assert not marker.exists()


def test_expressions_written_out_in_a_file_are_never_read(made: dict[str, Path], tmp_path: Path) -> None:
    artifact, marker = changed(made["torch"], tmp_path / "artifact"), tmp_path / "RAN"

    def edit(record: dict[str, Any]) -> None:
        module = record["graph_module"]
        for value in module["graph"]["sym_int_values"].values():
            value["as_expr"]["expr_str"] = expression(marker)
        for value in module["graph"]["tensor_values"].values():
            value["sizes"] = [{"as_expr": {"expr_str": expression(marker), "hint": None}}] * len(value["sizes"])
        record["guards_code"] = [expression(marker)]
        record["range_constraints"] = {expression(marker): {"min_val": 0, "max_val": 9}}
        module["module_call_graph"][0]["signature"]["in_spec"] = json.dumps([1, {"type": "os.system"}])

    attack(artifact, of_json(GRAPH, edit))
    answers = list(skipwise.predict(artifact, made["images"], threads=1))
    assert answers == list(skipwise.predict(made["torch"], made["images"], threads=1))
    assert verify(artifact, timing=False).certificate.passed
    assert not marker.exists()
    loaded_by_torch(artifact)
    assert marker.exists()


TARGETS = [
    "os.system",
    "builtins.eval",
    "torch.load",
    "torch.ops.aten.from_file.default",
    "torch.ops.aten.relu.__class__",
    "torch.ops.aten.relu.default.__call__",
    "torch.ops.higher_order.while_loop",
    "torch.ops.higher_order.cond",
    "torch.ops.mine.evil.default",
    "_operator.attrgetter",
    "_operator.pow",
    "_operator.lshift",
]


@pytest.mark.parametrize("target", TARGETS)
def test_only_known_operators_are_called(made: dict[str, Path], tmp_path: Path, target: str) -> None:
    artifact, marker = changed(made["torch"], tmp_path / "artifact"), tmp_path / "RAN"
    said = {"name": "command", "arg": {"as_string": f"touch {marker}"}, "kind": 1}
    node = {"target": target, "inputs": [said], "outputs": [], "metadata": {}}
    attack(artifact, of_json(GRAPH, lambda record: record["graph_module"]["graph"]["nodes"].insert(0, node)))
    refused(artifact, made["images"], "which is not an operator that Skipwise runs")
    assert not marker.exists()


def test_weights_that_reach_beyond_their_file_are_refused(made: dict[str, Path], tmp_path: Path) -> None:
    for number, (key, value) in enumerate(
        [
            ("sizes", [{"as_int": 2**40}]),
            ("strides", [{"as_int": 2**62}]),
            ("storage_offset", {"as_int": 2**63 - 1}),
            ("storage_offset", {"as_int": -8}),
            ("sizes", [{"as_expr": {"expr_str": "1", "hint": None}}]),
        ]
    ):

        def edit(record: dict[str, Any], key: str = key, value: Any = value) -> None:
            meta = next(
                each["tensor_meta"] for each in record["config"].values() if len(each["tensor_meta"]["sizes"]) == 1
            )
            meta[key] = value

        artifact = attack(changed(made["torch"], tmp_path / str(number)), of_json(WEIGHTS, edit))
        refused(artifact, made["images"], "not a program that Skipwise runs")


def test_archives_that_unpack_to_more_than_they_are_are_refused(made: dict[str, Path], tmp_path: Path) -> None:
    packed = changed(made["torch"], tmp_path / "packed")
    rewritten(
        packed / "model.pt2", lambda _, data: data, {"data/weights/weight_9999": bytes(10**7)}, zipfile.ZIP_DEFLATED
    )
    refused(reseal(packed), made["images"], "is compressed, which no export does")
    twice = changed(made["torch"], tmp_path / "twice")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attack(twice, **{"models__model.json": b"{}"})
    refused(twice, made["images"], "which no export writes")


def test_exports_hold_no_pickle_and_no_paths(made: dict[str, Path]) -> None:
    for name in ("torch", "half"):
        with zipfile.ZipFile(made[name] / "model.pt2") as archive:
            for member in archive.namelist():
                content = archive.read(member)
                if "/weight_" not in member:
                    assert not content.startswith((b"\x80", b"PK")), member
                    assert str(Path(skipwise.__file__).parent).encode() not in content, member


def test_our_reader_and_torchs_loader_answer_the_same_to_the_last_bit(made: dict[str, Path]) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 37, 51, 3), dtype=np.uint8))
    for name in ("torch", "half"):
        program = read_program(made[name] / "model.pt2")
        with torch.inference_mode():
            expected = torch.export.load(made[name] / "model.pt2").module()(pixels)
            assert torch.equal(program({program.pixels: pixels}), expected)


def test_a_torch_program_is_stopped_between_its_steps(
    made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = changed(made["torch"], tmp_path / "artifact")

    def edit(record: dict[str, Any]) -> None:
        graph = record["graph_module"]["graph"]
        sizes = [{"name": "size", "arg": {"as_ints": [3000, 3000]}, "kind": 1}]
        metadata: dict[str, str] = {}
        first = {"target": "torch.ops.aten.zeros.default", "inputs": sizes, "outputs": [{"as_tensor": {"name": "z0"}}]}
        steps = [{**first, "metadata": metadata}]
        for step in range(20_000):
            given = [{"name": "self", "arg": {"as_tensor": {"name": f"z{step}"}}, "kind": 1}]
            gives = [{"as_tensor": {"name": f"z{step + 1}"}}]
            steps.append(
                {"target": "torch.ops.aten.sin.default", "inputs": given, "outputs": gives, "metadata": metadata}
            )
        graph["nodes"] = steps + graph["nodes"]

    attack(artifact, of_json(GRAPH, edit))
    opened, pixels = ModelSession(find_backend("torch"), artifact / "model.pt2", 1), np.ones((1, 8, 8, 3), np.uint8)
    monkeypatch.setattr(limits, "BATCH_SECONDS", 1.0)
    for _ in range(2):  # the second time at once
        with pytest.raises(
            SkipwiseError, match=r"model\.pt2 took longer than .* minutes for one batch and was stopped"
        ):
            opened.predict_pixels(pixels)


def test_torch_programs_that_want_terabytes_become_a_sentence(made: dict[str, Path], tmp_path: Path) -> None:
    sizes = {"name": "size", "arg": {"as_ints": [1000, 1000, 1000, 16_000]}, "kind": 1}
    node = {"target": "torch.ops.aten.ones.default", "inputs": [sizes], "metadata": {}}
    node["outputs"] = [{"as_tensor": {"name": "terabytes"}}]
    artifact = changed(made["torch"], tmp_path / "artifact")
    attack(artifact, of_json(GRAPH, lambda record: record["graph_module"]["graph"]["nodes"].insert(0, node)))
    with pytest.raises(SkipwiseError, match=r"needs more memory in torch\.export than is free here"):
        list(skipwise.predict(artifact, made["images"], threads=1))
    with pytest.raises(SkipwiseError, match=r"needs more memory in torch\.export than is free here"):
        verify(artifact, timing=False)


def step(target: str, gives: str = "zz", kind: str = "as_tensor", **given: Any) -> dict[str, Any]:
    """A call of a program."""
    inputs = [{"name": name, "arg": arg, "kind": 1} for name, arg in given.items()]
    result = {"name": gives} if kind == "as_tensor" else {"as_name": gives}
    return {"target": target, "inputs": inputs, "outputs": [{kind: result}], "metadata": {}}


@pytest.mark.parametrize("steps", [1, 45])
def test_sizes_are_numbers_as_tensors_hold_them(made: dict[str, Path], tmp_path: Path, steps: int) -> None:
    calls = [step("_operator.add", "z0", "as_sym_int", a={"as_int": 2**62}, b={"as_int": 1})]
    for number in range(steps):
        given = {"as_sym_int": {"as_name": f"z{number}"}}
        calls.append(step("_operator.mul", f"z{number + 1}", "as_sym_int", a=given, b=given))

    def edit(record: dict[str, Any]) -> None:
        graph = record["graph_module"]["graph"]
        graph["nodes"] = calls + graph["nodes"]

    artifact = attack(changed(made["torch"], tmp_path / "artifact"), of_json(GRAPH, edit))
    refused(artifact, made["images"], "one of its sizes is not a number, or does not fit into 64 bits")


def test_sizes_are_no_tensors_or_lists() -> None:
    add, less = function_called("_operator.add"), function_called("_operator.lt")
    assert (add(2, 3), add(2.5, 3), less(2, 3)) == (5, 5.5, True)
    for given in (torch.ones(3), [1], "a", None, 2**63, -(2**63)):
        with pytest.raises(ValueError, match="is not a number, or does not fit"):
            add(given, given)
    with pytest.raises(ValueError, match="is not a number, or does not fit"):
        function_called("torch.sym_ite")(True, [1], [2])


def some_weight(record: dict[str, Any]) -> dict[str, Any]:
    specs = record["graph_module"]["signature"]["input_specs"]
    return {"as_tensor": {"name": next(each["parameter"]["arg"]["name"] for each in specs if "parameter" in each)}}


REMEMBERING: dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]] = {
    "in place": lambda weight: [step("torch.ops.aten.mul_.Scalar", self=weight, other={"as_float": 1.5})],
    "a view in place": lambda weight: [
        step("torch.ops.aten.detach.default", "y", self=weight),
        step("torch.ops.aten.zero_.default", self={"as_tensor": {"name": "y"}}),
    ],
    "copied into": lambda weight: [step("torch.ops.aten.copy_.default", self=weight, src=weight)],
}


@pytest.mark.parametrize("name", list(REMEMBERING))
@pytest.mark.parametrize("behind", [False, True])
def test_programs_do_not_remember(made: dict[str, Path], tmp_path: Path, name: str, behind: bool) -> None:
    def edit(record: dict[str, Any]) -> None:
        graph, more = record["graph_module"]["graph"], REMEMBERING[name](some_weight(record))
        graph["nodes"] = graph["nodes"] + more if behind else more + graph["nodes"]

    artifact = attack(changed(made["torch"], tmp_path / "artifact"), of_json(GRAPH, edit))
    refused(artifact, made["images"], "it changes its own weights, which no export does")


NUMBER, NONE = {"as_float": 0.5}, {"as_none": True}
RANDOM: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "dropout": lambda w: step("torch.ops.aten.dropout.default", input=w, p=NUMBER, train={"as_bool": True}),
    "in place": lambda w: step("torch.ops.aten.dropout_.default", self=w, p=NUMBER, train={"as_bool": True}),
    "by a number": lambda w: step("torch.ops.aten.alpha_dropout.default", input=w, p=NUMBER, train={"as_int": 1}),
    "by a result": lambda w: step(
        "torch.ops.aten.dropout.default", input=w, p=NUMBER, train={"as_sym_bool": {"as_name": "x"}}
    ),
    "rrelu": lambda w: step("torch.ops.aten.rrelu.default", self=w, training={"as_bool": True}),
    "attention": lambda w: step(
        "torch.ops.aten.scaled_dot_product_attention.default", query=w, key=w, value=w, dropout_p=NUMBER
    ),
    "batch norm": lambda w: step(
        "torch.ops.aten.batch_norm.default",
        input=w,
        weight=NONE,
        bias=NONE,
        running_mean=w,
        running_var=NONE,
        training={"as_bool": True},
        momentum=NUMBER,
        eps=NUMBER,
        cudnn_enabled={"as_bool": False},
    ),
}


@pytest.mark.parametrize("name", list(RANDOM))
def test_programs_are_not_in_training(made: dict[str, Path], tmp_path: Path, name: str) -> None:
    def edit(record: dict[str, Any]) -> None:
        record["graph_module"]["graph"]["nodes"].insert(0, RANDOM[name](some_weight(record)))

    artifact = attack(changed(made["torch"], tmp_path / "artifact"), of_json(GRAPH, edit))
    refused(artifact, made["images"], "is for training, so its answers change each time")


def test_networks_that_draw_in_training_alone_are_shipped(tmp_path: Path) -> None:
    name = "tests.external_networks:many_parts"
    torch.save(create_model(name, num_classes=3, in_channels=3, seed=0).state_dict(), tmp_path / "weights.pth")
    elsewhere = ExternalWeights(model=name, classes=("a", "b", "c"), img_size=32)
    made = export(tmp_path / "weights.pth", format="torch", **vars(elsewhere), output=tmp_path / "artifact")
    assert verify(made.folder, timing=False).certificate.passed


@pytest.mark.parametrize("target", ["add.out", "div.out_mode", "max.dim_max", "topk.values", "sort.int"])
def test_no_result_is_written_into_what_is_given(target: str) -> None:
    with pytest.raises(ValueError, match="which is not an operator that Skipwise runs"):
        function_called(f"torch.ops.aten.{target}")


def test_every_operator_that_is_allowed_exists() -> None:
    for name in _ATEN:
        assert hasattr(torch.ops.aten, name), name
        assert function_called(f"torch.ops.aten.{name}.{getattr(torch.ops.aten, name).overloads()[0]}")
