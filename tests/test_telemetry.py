"""Nothing is looked up on the network, and nothing is written below HOME: seen from outside, by strace."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skipwise
from tests.conftest import Shipped
from tests.resealing import pictures

SOURCE = Path(skipwise.__file__).parent
ENGINES = {"onnxruntime", "openvino", "nncf", "openvino_telemetry"}


def isolated() -> list[str]:
    """What starts a command in a network of its own, traced; skips where that is not permitted."""
    for tool in ("strace", "unshare"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    traced = ["unshare", "-rn", "strace", "-f", "-qq", "-s", "200", "-e", "trace=connect,sendto,sendmsg"]
    tried = subprocess.run([*traced, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"a traced process in a network of its own is not permitted here: {tried.stderr.strip()}")
    return traced


def test_only_one_module_imports_engines() -> None:
    for path in (*SOURCE.rglob("*.py"), *(SOURCE.parents[1] / "benchmarks").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if any(name in text for name in ENGINES) else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named = {name.partition(".")[0] for name in names} & ENGINES
            assert not named, f"{path} imports {named}; import_backend does that with its telemetry off"


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_no_verb_that_opens_an_engine_calls_out_or_leaves_identifiers(
    shipped: Shipped, format: str, tmp_path: Path
) -> None:
    traced = isolated()
    artifact, images = shipped(format), pictures(tmp_path / "images", 2)
    home = tmp_path / "home"
    home.mkdir()
    weights, again = str(artifact.parent / "weights.pth"), str(tmp_path / "again")
    elsewhere = ["--model", "se_resnet18", "--width", "0.25", "--classes", "anchor,bell,comb", "--img-size", "16"]
    verbs = {
        "predict": ["predict", str(artifact), str(images), "--format", "csv"],
        "verify": ["verify", str(artifact), str(images), "--no-timing"],
        "export": ["export", weights, str(images), *elsewhere, "--format", format, "-o", again],
    }
    for verb, words in verbs.items():
        trace = tmp_path / verb
        command = [*traced, "-o", str(trace), "env", f"HOME={home}", sys.executable, "-m", "skipwise", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        calls = [line for line in trace.read_text().splitlines() if "AF_INET" in line or "sin_addr" in line]
        assert calls == [], verb
        assert [path for path in home.rglob("*") if path.is_file() and "skipwise" not in path.parts] == [], verb
