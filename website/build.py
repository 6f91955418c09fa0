"""Builds the site: gathers the pages, makes those that come from code, runs Sphinx strictly, and checks the links.

python -m website.build --output site
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from website import gallery, reference
from website.check import faults
from website.pictures import PICTURES
from website.sections import HOME, arranged

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
OWN = {"README.md": f"{HOME}.md"} | {name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}
OWN["benchmarks/RESULTS.md"] = "benchmarks/RESULTS.md"
"""Pages outside docs/, and where the site has them."""
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def documents() -> Iterator[Path]:
    """The pages of the repository, which the site has, too."""
    yield from (ROOT / name for name in OWN)
    # The reports of kept comparisons are in the gallery.
    yield from (path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "report.md")


def notebooks() -> list[Path]:
    return sorted(path for path in (ROOT / "docs").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def place_of(path: Path) -> str:
    """Where a page of the repository is in the site, without its suffix."""
    name = path.relative_to(ROOT).as_posix()
    return str(Path(OWN.get(name, name)).with_suffix("").as_posix())


def gather(folder: Path) -> None:
    """Writes the source of the site into an empty folder."""
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns(".*", "*.md"))
    for path in documents():
        _write(folder, place_of(path), _leading_to_pages(path))
    for path in notebooks():
        _write(folder, place_of(path), _from_notebook(path))
    for name, text in reference.pages():
        _write(folder, name, text)
    _write(folder, "docs/intervals", with_pictures(_leading_to_pages(ROOT / "docs" / "intervals.md")))
    pages = [path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.md")]
    (folder / "extra" / "reports").mkdir(parents=True)
    _write(folder, "gallery", gallery.write_gallery(folder / "extra" / "reports"))
    with (folder / f"{HOME}.md").open("a", encoding="utf-8") as home:
        for title, names in arranged([*pages, "gallery"]).items():
            home.write(f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(names) + "\n```\n")


def _write(folder: Path, name: str, text: str) -> None:
    path = folder / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _leading_to_pages(path: Path) -> str:
    """The text of a page, in which links lead to pages of the site; of a link to source code, its words remain."""
    there = {page.resolve() for page in documents()} | {page.resolve() for page in notebooks()}

    def put(link: re.Match[str]) -> str:
        words, address, place = link[1], link[2], link[3] or ""
        if ":" in address:
            return link[0]
        target = (path.parent / address).resolve()
        if target == ROOT / "README.md":
            return f"[{words}]({Path(*['..'] * len(path.relative_to(ROOT).parts[:-1]))}/{HOME}.md{place})"
        if target.is_dir() and target / "README.md" in there:
            return f"[{words}]({address.rstrip('/')}/README.md{place})"
        if target.suffix == ".ipynb":
            return f"[{words}]({Path(address).with_suffix('.md').as_posix()}{place})"
        if target in there or (ROOT / "docs" in target.parents and target.is_file() and target.suffix != ".md"):
            return link[0]
        return words

    return LINK.sub(put, path.read_text(encoding="utf-8"))


def _from_notebook(path: Path) -> str:
    from nbconvert import MarkdownExporter
    from nbconvert.preprocessors import ClearOutputPreprocessor

    exporter = MarkdownExporter(preprocessors=[ClearOutputPreprocessor])
    text, _ = exporter.from_filename(str(path))
    return f"{text}\n\nThis page is a notebook: {{download}}`{path.name}`.\n"


def with_pictures(text: str) -> str:
    """The page with its pictures.

    Raises:
        ValueError: the text around a picture lacks a number that the picture shows.
    """
    sections = re.split(r"(?=^## )", text, flags=re.MULTILINE)
    for name, draw in PICTURES.items():
        picture, comment = draw(), f"<!-- picture: {name} -->"
        number, section = next((number, each) for number, each in enumerate(sections) if comment in each)
        for what, value in picture.numbers.items():
            if not re.search(rf"(?<![\d.]){re.escape(value)}(?![\d.]\d)", section):
                raise ValueError(f"docs/intervals.md does not say that {what} is {value}, beside {comment}")
        sections[number] = section.replace(comment, f"```{{raw}} html\n{picture.svg}```")
    return "".join(sections)


def build(output: Path) -> list[str]:
    """Builds the site. Returns what is wrong with it.

    Args:
        output: its folder, which is made anew.
    """
    from sphinx.application import Sphinx

    with tempfile.TemporaryDirectory() as made:
        source, states = Path(made) / "source", Path(made) / "states"
        source.mkdir()
        gather(source)
        shutil.rmtree(output, ignore_errors=True)
        app = Sphinx(
            source,
            HERE,
            output,
            states,
            "html",
            status=None,
            warningiserror=True,
            exception_on_warning=False,
            parallel=2,
        )
        app.build()
        wrong = [] if app.statuscode == 0 else ["Sphinx has warnings"]
    shutil.rmtree(output / ".doctrees", ignore_errors=True)
    shutil.rmtree(output / "_sources", ignore_errors=True)  # empty, since nobody asked for it
    (output / ".buildinfo").unlink(missing_ok=True)
    return wrong + list(faults(output))


def main() -> int:
    """Builds the site where the command says; 1 where something is wrong with it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "site", help="the folder; default: site")
    output = parser.parse_args().output.resolve()
    if output.exists() and any(output.iterdir()) and not (output / "searchindex.js").exists():
        print(f"{output} holds something else than a site; name another folder.", file=sys.stderr)
        return 2
    wrong = build(output)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if not wrong:
        print(f"The site: {output / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
