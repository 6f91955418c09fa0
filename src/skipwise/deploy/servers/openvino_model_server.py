"""OpenVINO Model Server: config.json and a model repository."""

from __future__ import annotations

import shutil
from pathlib import Path

from skipwise.core.files.json_records import write_json
from skipwise.deploy.servers.server import Server, ServerJob


def write(folder: Path, job: ServerJob) -> None:
    """Writes config.json and models/NAME/1 with the network's files."""
    home = folder / "models" / job.name / "1"
    home.mkdir(parents=True)
    for name in job.artifact.kind.files:
        shutil.copyfile(job.folder / name, home / name)
    model = {
        "name": job.name,
        "base_path": f"models/{job.name}",  # from where config.json is
        # Single precision, as it was verified: on some processors OpenVINO would take bfloat16 by itself.
        "plugin_config": {"INFERENCE_PRECISION_HINT": "f32"},
    }
    write_json(folder / "config.json", {"model_config_list": [{"config": model}]})


def _command(folder: Path) -> tuple[str, ...]:
    ports = ("-p", "127.0.0.1:8000:8000")
    return ("docker", "run", "--rm", *ports, "-v", f"{folder.resolve()}:/workspace:ro", "openvino/model_server:latest",
            "--config_path", "/workspace/config.json", "--rest_port", "8000")  # fmt: skip


OPENVINO_MODEL_SERVER = Server(
    name="openvino-model-server",
    title="OpenVINO Model Server",
    formats=("openvino", "onnx"),
    write=write,
    command=_command,
)
