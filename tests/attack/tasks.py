"""Commands of Skipwise, what they read of the prepared state, and what has to come out the same each time."""

from __future__ import annotations

from dataclasses import dataclass

IMAGES = "{images}"
"""Where the images are."""
HOW = ("--width", "0.25", "--epochs", "4", "--img-size", "16", "--precision", "fp32", "--no-compile")
LONG = ("--width", "0.25", "--epochs", "60", "--img-size", "16", "--precision", "fp32", "--no-compile")
TRAIN = ("train", IMAGES, *HOW)
COMPARE = ("compare", IMAGES, *HOW, "--models", "resnet18,mobilenet_v2", "--looks", "2", "--workers", "2")
SEVERAL = (*COMPARE, "--outcome", "accuracy,corrupted,brier")
RUNS = tuple(f"compared/runs/{name}-s{seed}" for name in ("resnet18", "mobilenet_v2") for seed in (0, 1))
JUDGE = ("judge", *RUNS, "--margin", "1")
EVALUATE = ("evaluate", "shipped-onnx", IMAGES, "--corruptions", "fog,pixelate", "--severities", "1,5")
GATE = ("gate", "shipped-onnx", "shipped-openvino", IMAGES, "--margin", "60", "--no-timing")
STUDY = ("study", "tiny", "--pages", "pages")
"""A study that only the processes of attacks know; see `state.py`."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A command.

    Args:
        reads: patterns of the parts of the prepared state that it needs, beside the images.
        files: patterns of files that hold the same bytes whenever it is done.
        said: whether what it prints is the same, too.
    """

    name: str
    command: tuple[str, ...]
    reads: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    said: bool = False


def _run_files(folder: str) -> tuple[str, ...]:
    names = ("weights.safetensors", "predictions.npz", "split.csv", "terms.json", "source.json", "run.json")
    return tuple(f"{folder}/{name}" for name in names)


def _comparison_files(folder: str) -> tuple[str, ...]:
    names = ("comparison.json", "split.csv", "source.json", "runs/*/weights.safetensors", "runs/*/predictions.npz")
    return tuple(f"{folder}/{name}" for name in names)


CERTIFICATES = ("out/certificate.json", "out/certificate.html")
VARIANTS = ("{}/runs/*/variants/*.npz", "{}/runs/*/variants/*.json")
EVALUATION = ("{}/evaluation.json", "{}/evaluation.html", "{}/predictions.csv")
JUDGEMENT = ("{}/judge.json", "{}/judge.md")
STUDIED = ("{}/*.csv", "{}/*/comparison.json", "{}/*/runs/*/predictions.npz")
"""Of a study; its page and record have times in them."""


def _in(folder: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(pattern.format(folder) for pattern in patterns)


WRITING: tuple[Task, ...] = (
    Task(name="train", command=(*TRAIN, "-o", "out"), files=_run_files("out")),
    Task(
        name="train, with norms by depth",
        command=(*TRAIN, "--depth-norms", "-o", "out"),
        files=(*_run_files("out"), "out/depth-norms.json"),
    ),
    Task(name="train longer", command=("train", IMAGES, *LONG, "-o", "out"), files=_run_files("out")),
    Task(name="compare", command=(*COMPARE, "-o", "out"), files=_comparison_files("out")),
    Task(
        name="compare, several outcomes",
        command=(*SEVERAL, "-o", "out"),
        files=(*_comparison_files("out"), *_in("out", VARIANTS)),
    ),
    Task(
        name="evaluate, corrupted",
        command=(*EVALUATE, "-o", "out"),
        reads=("shipped-onnx",),
        files=_in("out", EVALUATION),
    ),
    Task(name="judge", command=(*JUDGE, "-o", "out"), reads=("compared",), files=_in("out", JUDGEMENT)),
    Task(
        name="gate --markdown",
        command=(*GATE, "--markdown", "out.md"),
        reads=("shipped-onnx", "shipped-openvino"),
        files=("out.md",),
    ),
    Task(name="study", command=(*STUDY, "-o", "out"), files=_in("out", STUDIED)),
    *(
        Task(
            name=f"export {format}",
            command=("export", "trained", "--format", format, "-o", "out"),
            reads=("trained", "cache"),
            files=("out/*", "out/golden/*"),
        )
        for format in ("onnx", "openvino", "torch")
    ),
    Task(name="audit", command=("audit", IMAGES, "-o", "out"), files=("out/audit.json", "out/audit.html")),
    Task(
        name="predict -o, a run",
        command=("predict", "trained", IMAGES, "-b", "4", "-o", "out.csv"),
        reads=("trained",),
        files=("out.csv",),
    ),
    Task(
        name="predict -o, an artifact",
        command=("predict", "shipped-onnx", IMAGES, "-b", "4", "--probabilities", "-o", "out.jsonl"),
        reads=("shipped-onnx",),
        files=("out.jsonl",),
    ),
    Task(
        name="verify",
        command=("verify", "shipped-onnx", IMAGES, "--run", "trained", "--no-timing", "-o", "out"),
        reads=("shipped-onnx", "trained", "cache"),
        files=CERTIFICATES,
    ),
)
"""What writes: each of these is ended at any moment, done by five at once, and done on a full disk."""

READING: tuple[tuple[int, str, tuple[Task, ...]], ...] = (
    (
        20,
        "cache/*/**/*",
        (
            Task(name="train", command=(*TRAIN, "-o", "out"), reads=("cache",), files=_run_files("out")),
            Task(name="audit", command=("audit", IMAGES, "-o", "out"), reads=("cache",), files=("out/audit.json",)),
        ),
    ),
    (
        20,
        "trained/*",
        (
            Task(
                name="predict",
                command=("predict", "trained", IMAGES, "--format", "csv", "--probabilities"),
                reads=("trained",),
                said=True,
            ),
            Task(
                name="export",
                command=("export", "trained", "-o", "out"),
                reads=("trained", "cache"),
                files=("out/*", "out/golden/*"),
            ),
            Task(
                name="train again",
                command=(*TRAIN, "-o", "trained"),
                reads=("trained", "cache"),
                files=_run_files("trained"),
                said=True,
            ),
            Task(
                name="audit --run",
                command=("audit", IMAGES, "--run", "trained", "-o", "out"),
                reads=("trained", "cache"),
                files=("out/audit.json",),
            ),
            Task(
                name="verify --run",
                command=("verify", "shipped-onnx", IMAGES, "--run", "trained", "--no-timing", "-o", "out"),
                reads=("trained", "cache", "shipped-onnx"),
                files=CERTIFICATES,
            ),
        ),
    ),
    (
        5,
        "trained/split.csv",
        (
            Task(
                name="train --split",
                command=(*TRAIN, "--split", "trained/split.csv", "-o", "out"),
                reads=("trained", "cache"),
                files=("out/weights.safetensors", "out/predictions.npz", "out/split.csv"),
            ),
        ),
    ),
    (
        15,
        "stopped/*",
        (
            Task(
                name="train goes on",
                command=("train", IMAGES, *LONG, "-o", "stopped"),
                reads=("stopped", "cache"),
                files=_run_files("stopped"),
            ),
        ),
    ),
    (
        20,
        "compared/**/*",
        (
            Task(
                name="report --format md",
                command=("report", "compared", "--format", "md"),
                reads=("compared",),
                said=True,
            ),
            Task(
                name="report --format json",
                command=("report", "compared", "--format", "json"),
                reads=("compared",),
                said=True,
            ),
            Task(name="report", command=("report", "compared"), reads=("compared",), files=("compared/report.html",)),
            Task(
                name="recommend",
                command=("recommend", "compared", "--max-latency-ms", "1000"),
                reads=("compared",),
                said=True,
            ),
            Task(
                name="compare again",
                command=(*COMPARE, "-o", "compared"),
                reads=("compared", "cache"),
                files=_comparison_files("compared"),
                said=True,
            ),
        ),
    ),
    (
        8,
        "several/**/*",
        (
            Task(
                name="report --format md, several outcomes",
                command=("report", "several", "--format", "md"),
                reads=("several",),
                said=True,
            ),
            Task(
                name="compare again, several outcomes",
                command=(*SEVERAL, "-o", "several"),
                reads=("several", "cache"),
                files=(*_comparison_files("several"), *_in("several", VARIANTS)),
                said=True,
            ),
        ),
    ),
    (
        5,
        "compared/runs/**/*",
        (Task(name="judge", command=(*JUDGE, "-o", "out"), reads=("compared",), files=_in("out", JUDGEMENT)),),
    ),
    *(
        (weight, pattern, (Task(name=f"{command[0]} again", command=command, reads=reads, files=files, said=True),))
        for weight, pattern, command, reads, files in (
            (4, "judged/*", (*JUDGE, "-o", "judged"), ("judged", "compared"), _in("judged", JUDGEMENT)),
            (
                4,
                "evaluated/*",
                (*EVALUATE, "-o", "evaluated"),
                ("evaluated", "shipped-onnx"),
                _in("evaluated", EVALUATION),
            ),
            (5, "studied/**/*", (*STUDY, "-o", "studied"), ("studied",), _in("studied", STUDIED)),
        )
    ),
    *(
        (
            4,
            f"shipped-{format}/**/*",
            (Task(name="gate", command=GATE, reads=("shipped-onnx", "shipped-openvino"), said=True),),
        )
        for format in ("onnx", "openvino")
    ),
    (
        5,
        "compared/runs/resnet18-s0/*",
        (
            Task(
                name="predict, a run of a comparison",
                command=("predict", "compared/runs/resnet18-s0", IMAGES, "--format", "csv", "--probabilities"),
                reads=("compared",),
                said=True,
            ),
        ),
    ),
    (
        5,
        "halfway/**/*",
        (
            Task(
                name="compare goes on",
                command=(*COMPARE, "-o", "halfway"),
                reads=("halfway", "cache"),
                files=_comparison_files("halfway"),
            ),
        ),
    ),
    *(
        (
            weight,
            f"shipped-{format}/**/*",
            (
                Task(
                    name="predict, an artifact",
                    command=("predict", f"shipped-{format}", IMAGES, "--format", "csv", "--probabilities"),
                    reads=(f"shipped-{format}",),
                    said=True,
                ),
                Task(
                    name="verify",
                    command=("verify", f"shipped-{format}", "--no-timing", "-o", "out"),
                    reads=(f"shipped-{format}",),
                    files=CERTIFICATES,
                ),
            ),
        )
        for weight, format in ((12, "onnx"), (12, "openvino"), (6, "torch"))
    ),
    *(
        (
            4,
            pattern,
            (
                Task(
                    name="predict -o goes on",
                    command=("predict", "shipped-onnx", IMAGES, "-b", "4", "--probabilities", "-o", f"{name}.csv"),
                    reads=("shipped-onnx", f"{name}.csv", f".{name}.csv.*"),
                    files=(f"{name}.csv",),
                ),
            ),
        )
        for name in ("answers", "begun")
        for pattern in (f"{name}.csv", f".{name}.csv.*")
    ),
    (
        5,
        "audited/audit.json",
        (
            Task(
                name="train --exclude",
                command=(*TRAIN, "--exclude", "audited/audit.json", "-o", "out"),
                reads=("audited", "cache"),
                files=_run_files("out"),
            ),
        ),
    ),
)
"""What is damaged, how often, and the commands that read it: one of them is given then."""
