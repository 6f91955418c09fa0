"""Records that somebody edited, seals made anew included: no traceback, no code, nothing written elsewhere."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.attack.edits import MARKER, MODULE, damaged_and_sealed, edited, module_file, seal
from tests.attack.flips import chosen
from tests.attack.judging import STATUSES, ended_badly
from tests.attack.state import State


class Records:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "records")
        self.marker = root / MARKER

    def attack(self, rng: Random) -> tuple[str, str]:
        """Edits a record and gives a command that reads it: what was done, and what did not hold."""
        file, task = chosen(self.state.whole, rng, (".json", ".jsonl"))
        self.state.restore(task.reads)
        path = self.state.here / file
        if path.name == "artifact.json" and rng.random() < 0.3:
            what = f"{path.parent.name}/{damaged_and_sealed(path.parent, rng)}"
        else:
            data, how = edited(path.read_bytes(), rng, self.state.root)
            path.write_bytes(data)
            what = f"{file}: {how}"
            if rng.random() < 0.7 and seal(path):
                what += ", sealed anew"
        (self.state.here / f"{MODULE}.py").write_text(module_file(self.marker))
        before = self._outside()
        ended = self.state.do(task)
        what = f"{what}; then {task.name}"
        if self.marker.exists():
            self.marker.unlink()
            return what, f"Code of the record ran in {task.name}."
        if new := sorted(self._outside() - before):
            return what, f"{new[0]} was written outside."
        return what, ended_badly(ended, allowed=STATUSES.get(task.command[0], (0, 2)))

    def _outside(self) -> set[str]:
        """What is beside the folder that the command was given in, and in the user's own."""
        root = self.state.root
        near = (path for folder in (root, root.parent, root / "here") for path in folder.glob("outside*"))
        return {
            path.relative_to(root.parent).as_posix() for path in (*near, *root.iterdir(), *(root / "home").rglob("*"))
        }
