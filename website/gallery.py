"""The gallery: reports that the repository keeps, and some that real commands write while the site is built."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEEDS = 4


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A report.

    Args:
        title: what it is.
        text: what there is to see.
        command: the command that wrote it.
        page: its page, in the folder of the command. Markdown is shown in the gallery itself.
        folder: for what is kept, its folder in the repository; None runs the command.
    """

    title: str
    text: str
    command: str
    page: str
    folder: str | None = None


KEPT: list[str] = re.findall(
    "^skipwise compare .*$", (ROOT / "docs" / "comparisons.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)
"""The commands of the comparisons that the repository keeps, in the order of their page."""
EXHIBITS = (
    Exhibit(
        title="Does squeeze-excite help, and what do skips bring?",
        text="Four networks on Fashion-MNIST. Two of them are shown to be equivalent.",
        command=KEPT[0],
        page="report.html",
        folder="docs/comparisons/fashion-mnist",
    ),
    Exhibit(
        title="The same networks on photographs",
        text="CIFAR-10, where more is left to learn and the differences are larger.",
        command=KEPT[1],
        page="report.html",
        folder="docs/comparisons/cifar-10",
    ),
    Exhibit(
        title="Depth, with skips and without",
        text="20 and 56 layers, each with skip connections and without.",
        command=KEPT[2],
        page="report.html",
        folder="docs/comparisons/depth",
    ),
    Exhibit(
        title="An audit",
        text="What the handwritten digits look like, and what is odd about some of them.",
        command="skipwise audit digits --output audit",
        page="audit/audit.html",
    ),
    Exhibit(
        title="Predictions of another tool, judged",
        text=f"Two kinds of forest and a tree of scikit-learn, {SEEDS} seeds each, on the digits.",
        command="skipwise judge extra-s*.csv forest-s*.csv tree-s*.csv --output judged",
        page="judged/judge.md",
    ),
)


def write_gallery(reports: Path) -> str:
    """Writes the reports into a folder, and returns the page that leads to them.

    Raises:
        subprocess.CalledProcessError: a command failed; what it said stands on standard error.
    """
    text = [
        "# Gallery\n",
        "Real reports, as the commands write them: a file each, which needs nothing else and opens offline.\n",
    ]
    work = reports.parent / "made"
    work.mkdir(parents=True)
    _write_predictions(work)
    for number, each in enumerate(EXHIBITS):
        if each.folder is None:
            _run(each.command, work)
        page = (work if each.folder is None else ROOT / each.folder) / each.page
        text.append(f"## {each.title}\n\n{each.text}\n\n```sh\n{each.command}\n```\n")
        if page.suffix == ".md":
            text.append(re.sub("^#", "###", page.read_text(encoding="utf-8"), flags=re.MULTILINE))
        else:
            shutil.copytree(page.parent, reports / f"{number}", ignore=shutil.ignore_patterns("*.md"))
            text.append(f'<p><a href="reports/{number}/{page.name}">Open the report</a></p>\n')
    shutil.rmtree(work)
    return "\n".join(text)


def _run(command: str, folder: Path) -> None:
    words = [path for word in command.split()[1:] for path in sorted(map(str, folder.glob(word))) or [word]]
    subprocess.run([sys.executable, "-m", "skipwise", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _write_predictions(folder: Path) -> None:
    """Trains classifiers that are none of Skipwise's, and writes what they say of the test images."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.tree import DecisionTreeClassifier

    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, range(len(labels)), test_size=0.5, random_state=0, stratify=labels)
    train, test, train_labels, test_labels, _, names = split
    for seed in range(SEEDS):
        made = {
            "forest": RandomForestClassifier(30, random_state=seed),
            "extra": ExtraTreesClassifier(30, random_state=seed),
            "tree": DecisionTreeClassifier(max_features="sqrt", random_state=seed),
        }
        for name, classifier in made.items():
            found = classifier.fit(train, train_labels).predict(test)
            with (folder / f"{name}-s{seed}.csv").open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["id", "label", "prediction"])
                rows.writerows(zip(names, test_labels, found, strict=True))
