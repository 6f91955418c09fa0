"""The files in docs/cluster.md are what Ray's launcher and KubeRay take; the commands there are Skipwise's."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from skipwise.cli.app import app

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def example(name: str) -> dict[str, Any]:
    """The YAML behind a mark in the page."""
    found = re.search(rf"<!-- {name} -->\n```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found is not None
    content: dict[str, Any] = yaml.safe_load(found[1])
    return content


def test_the_launcher_takes_its_file() -> None:
    import ray.autoscaler
    from jsonschema import validate

    config = example("launcher")
    validate(config, json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text()))
    assert config["head_node_type"] in config["available_node_types"]


def test_kuberay_is_told_what_it_needs() -> None:
    manifest = example("kuberay")
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayJob")
    cluster = manifest["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())  # as the schema has it
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert {each["name"] for each in container["env"]} == {"SKIPWISE_CACHE"}
            assert container["resources"]["limits"] == container["resources"]["requests"]
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def commands() -> list[str]:
    """Every command of Skipwise on the page, whatever it is handed to."""
    text = re.sub(r"\s+#.*", "", PAGE)
    return sorted({found.rstrip("'") for found in re.findall(r"skipwise compare [^\n`']*", text)})


@pytest.mark.parametrize("command", commands())
def test_every_command_is_understood(command: str) -> None:
    verb, *words = shlex.split(command)[1:]
    group = typer.main.get_command(app)
    context = group.commands[verb].make_context(verb, words)  # type: ignore[attr-defined]
    assert context.params["executor"].startswith("ray")


def test_there_are_commands() -> None:
    assert len(commands()) >= 4
