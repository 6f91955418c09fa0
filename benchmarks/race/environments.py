"""An environment for each tool, beside the torch of this one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A competitor.

    Args:
        module: of this package, which does a task.
        alone: packages that are installed without what they ask for, since torch is there.
        needed: what they ask for and this environment lacks.
        from_weights: whether it can start from given weights of EfficientNet-Lite0.
    """

    module: str
    alone: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    from_weights: bool = True


TOOLS = {
    "skipwise": Tool(module="skipwise_train"),
    "fastai": Tool(
        module="fastai_vision",
        alone=("fastai==2.8.*", "fastcore", "fasttransform", "fastprogress", "fastdownload"),
        needed=("matplotlib", "requests", "python-fasthtml", "plum-dispatch<2.10", "pandas", "pyyaml", "cloudpickle"),
    ),
    "ultralytics": Tool(
        module="ultralytics_classify",
        alone=("ultralytics==8.4.*", "ultralytics-thop", "ultralytics-platform"),
        needed=("matplotlib", "requests", "polars", "opencv-python-headless", "nvidia-ml-py", "pyyaml", "psutil"),
        from_weights=False,
    ),
    "autotimm": Tool(
        module="autotimm_trainer",
        alone=("autotimm==0.7.*", "pytorch-lightning", "torchmetrics", "transformers"),
        needed=(
            *("matplotlib", "requests", "opencv-python-headless", "watermark", "loguru", "albumentations"),
            *("jsonargparse[signatures]", "aiohttp", "regex", "tokenizers", "lightning-utilities", "plotly", "timm"),
        ),
    ),
    "timm": Tool(module="timm_script"),
    "torchvision": Tool(module="torchvision_loop"),
}
"""timm and torchvision are in this environment."""


def python_of(name: str, tool: Tool, cache: Path) -> Path:
    """The interpreter of the tool's environment, which is made unless it is there."""
    if not tool.alone:
        return Path(sys.executable)
    folder = made(name, cache, alone=tool.alone, needed=tool.needed)
    return folder / "bin" / "python"


def made(name: str, cache: Path, *, alone: tuple[str, ...], needed: tuple[str, ...] = ()) -> Path:
    """A virtual environment that sees all packages of this one, with others before them."""
    folder = cache / "environments" / name
    stamp = folder / "made"
    if not stamp.exists():
        print(f"Making an environment for {name} ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        python = str(folder / "bin" / "python")
        packages = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        (Path(packages) / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
        install = [python, "-m", "pip", "install", "--quiet"]
        if needed:  # before the others, whose requirements it would complain of
            subprocess.run([*install, *needed], check=True)
        subprocess.run([*install, "--no-deps", *alone], check=True)
        stamp.write_text("")
    return folder
