"""Docker: a folder to build an image from that runs `skipwise serve`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from skipwise.core.files.atomic import write_text
from skipwise.deploy.artifact.signing import SIGNATURE
from skipwise.deploy.servers.server import Server, ServerJob, model_name
from skipwise.deploy.servers.wheel import write_wheel

BESIDE = (SIGNATURE, "certificate.json", "certificate.html")
"""Files that an artifact may have besides those that its record names."""

DOCKERFILE = """\
# Serves {name} on port 8000: the page and the API of `skipwise serve`.
#
#   docker build -t {tag} .
#   docker run --rm -p 127.0.0.1:8000:8000 -e SKIPWISE_TOKEN=choose-a-long-one {tag}
#
# Clients have to give that token, since a container can't know who reaches its port.
ARG PYTHON={python}
FROM python:${{PYTHON}}-slim

# The Skipwise that made this folder. What it needs comes from the package index.
COPY {wheel} /tmp/
RUN pip install --no-cache-dir "/tmp/{wheel}[serve]" && rm "/tmp/{wheel}"

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin skipwise
COPY --chown=10001 artifacts /artifacts
USER 10001
ENV HOME=/tmp PYTHONUNBUFFERED=1

EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \\
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
CMD ["skipwise", "serve", "/artifacts/{name}", "--host", "0.0.0.0", "--port", "8000"]
"""

IGNORED = """\
*
!artifacts
!*.whl
"""


def write(folder: Path, job: ServerJob) -> None:
    """Writes a Dockerfile, and beside it the artifact and the wheel of this Skipwise."""
    home = folder / "artifacts" / job.name
    present = [name for name in BESIDE if (job.folder / name).is_file()]
    for name in ["artifact.json", *filter(None, job.artifact.files), *present]:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(job.folder / name, home / name)
    wheel = write_wheel(folder)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    write_text(
        folder / "Dockerfile",
        DOCKERFILE.format(name=job.name, tag=_tag(job.name), python=python, wheel=wheel.name),
    )
    write_text(folder / ".dockerignore", IGNORED)


def _tag(name: str) -> str:
    """A name of an image, which Docker wants in small letters, with single signs between."""
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-"))) or "model"


def _command(folder: Path) -> tuple[str, ...]:
    return "docker", "build", "-t", _tag(model_name(folder.parent)), str(folder)


DOCKER = Server(name="docker", title="Docker", formats=("onnx", "openvino"), write=write, command=_command)
