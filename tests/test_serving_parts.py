"""Parts of `serve` by themselves: batches, the names of networks, and how a form is read."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.serving import answer_log
from skipwise.serving.api.uploads import uploads
from skipwise.serving.connections.guard import Rules
from skipwise.serving.connections.problems import Problem
from skipwise.serving.engine.batcher import Batcher
from skipwise.serving.engine.engine import Engine
from skipwise.serving.engine.work import Answer, Item, Overloaded, TooLate, Unreadable
from skipwise.serving.models.given import parse
from skipwise.serving.models.reload import _stamps
from skipwise.serving.models.version import Opening, Version
from tests.served import form

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported


def item(explain: bool = False) -> Item:
    loop = asyncio.new_event_loop()
    try:
        return Item(image=b"", explain=explain, deadline=time.monotonic() + 60, future=loop.create_future())
    finally:
        loop.close()


class Batches:
    """A batcher whose network takes as long as it is told to."""

    def __init__(self, *, wait: float = 0.0, sizes: Sequence[int] = (1, 2, 4)) -> None:
        self.found: list[list[Item]] = []
        self.free = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.batcher = Batcher(self._answer, sizes=sizes, wait=wait)

    def _answer(self, batch: Sequence[Item]) -> None:
        self.begun.release()
        assert self.free.acquire(timeout=20)
        self.found.append(list(batch))

    def put(self, *items: Item) -> None:
        self.batcher.expect(len(items))
        for each in items:
            self.batcher.put(each)

    def end(self) -> list[int]:
        """The sizes of the batches."""
        self.batcher.close()
        for _ in range(100):
            self.free.release()
        self.batcher.join(20)
        return [len(batch) for batch in self.found]


class TestBatches:
    def test_an_image_that_comes_alone_waits_for_none(self) -> None:
        batches = Batches(wait=60.0)
        batches.put(item())
        assert batches.begun.acquire(timeout=20)
        assert batches.end() == [1]

    def test_it_waits_for_those_that_are_being_decoded_but_not_for_long(self) -> None:
        batches = Batches(wait=60.0)
        batches.batcher.expect(2)
        batches.put(item())
        assert not batches.begun.acquire(timeout=0.1)
        batches.batcher.put(item())
        batches.batcher.give_up()  # one that could not be decoded
        assert batches.begun.acquire(timeout=20)
        assert batches.end() == [2]
        late = Batches(wait=0.05)
        late.batcher.expect(1)
        late.put(item())
        assert late.begun.acquire(timeout=20)
        late.batcher.give_up()
        assert late.end() == [1]

    def test_what_comes_meanwhile_is_the_next_batch_in_its_order(self) -> None:
        batches = Batches()
        batches.put(first := item())
        assert batches.begun.acquire(timeout=20)
        several = [item() for _ in range(7)]
        batches.put(*several)
        assert batches.end() == [1, 4, 2, 1]
        assert [each for batch in batches.found for each in batch] == [first, *several]

    def test_heat_maps_are_in_batches_of_their_own(self) -> None:
        batches = Batches()
        batches.put(item())
        assert batches.begun.acquire(timeout=20)
        batches.put(item(True), item(True), item(), item())
        assert batches.end() == [1, 2, 2]

    def test_the_end_waits_for_what_is_expected(self) -> None:
        batches = Batches()
        batches.batcher.expect(1)
        batches.batcher.close()
        batches.free.release()
        batches.batcher.put(item())
        batches.batcher.join(20)
        assert batches.end() == [1]


@pytest.fixture(scope="module")
def version(exported: Exported) -> Iterator[Version]:
    def nothing(*_: object) -> None:
        pass

    opening = Opening(batch_size=8, wait=0.005, threads=1, check=nothing, say=nothing, batch=nothing)
    made = Version("net", "1", exported.folder, opening)
    yield made
    made.batcher.close()
    made.batcher.join(20)


class TestEngine:
    def test_answers_in_batches_are_those_for_single_images(
        self, version: Version, exported: Exported, trained: Path
    ) -> None:
        images = [path.read_bytes() for path in sorted((trained.parent / "stripes").rglob("*.*"))]
        engine = Engine(workers=2, queue=len(images))

        async def asked() -> list[Answer | Unreadable]:
            return await engine.answer(version, images, deadline=time.monotonic() + 60)

        answers = asyncio.run(asked())
        engine.close()
        assert engine.waiting == 0
        with skipwise.Predictor(exported.folder, threads=1, batch_size=1) as predictor:
            for answer, wanted in zip(answers, predictor.predict_many(images), strict=True):
                assert isinstance(answer, Answer)
                assert answer.label == wanted.label
                assert answer.probability == pytest.approx(wanted.probability, abs=1e-5)

    def test_more_than_may_wait(self, version: Version) -> None:
        engine = Engine(workers=1, queue=2)

        async def asked() -> None:
            await engine.answer(version, [b"x"] * 3, deadline=time.monotonic() + 60)

        with pytest.raises(Overloaded):
            asyncio.run(asked())
        with pytest.raises(Overloaded):
            engine.hold(2**40)
        assert (engine.waiting, engine.held) == (0, 0)
        engine.close()

    def test_when_its_time_is_over_nobody_waits_and_nothing_is_counted_twice(self, version: Version) -> None:
        engine = Engine(workers=1, queue=10)
        blocked = threading.Event()
        engine._decoding.submit(blocked.wait, 20)

        async def asked() -> None:
            with pytest.raises(TooLate):
                await engine.answer(version, [b"x"], deadline=time.monotonic() + 0.1)
            blocked.set()
            found = await engine.answer(version, [b"x"], deadline=time.monotonic() + 60)
            assert isinstance(found[0], Unreadable)

        asyncio.run(asked())
        assert engine.waiting == 0
        engine.close()

    def test_an_image_that_nobody_waits_for_is_not_held(
        self, version: Version, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A decoder may be busy for minutes, and what comes meanwhile waits behind it."""
        engine, asked = Engine(workers=1, queue=10), []
        made = engine._answers
        monkeypatch.setattr(engine, "_answers", lambda items: (asked.extend(items), made(items))[1])
        blocked = threading.Event()
        engine._decoding.submit(blocked.wait, 20)

        async def given_up() -> None:
            with pytest.raises(TooLate):
                await engine.answer(version, [b"x" * 1000], deadline=time.monotonic() + 0.05)

        asyncio.run(given_up())
        assert [each.image for each in asked] == [b""]
        blocked.set()
        engine.close()

    def test_what_is_read_in_a_thread_has_its_time_too(self) -> None:
        engine, blocked, done = Engine(workers=1, queue=10), threading.Event(), []

        async def asked() -> None:
            for job in (blocked.wait, done.append):
                with pytest.raises(TooLate):
                    await engine.aside(job, 20, deadline=time.monotonic() + 0.05)
            blocked.set()
            assert await engine.aside(len, "abc", deadline=time.monotonic() + 60) == 3

        asyncio.run(asked())
        assert not done  # given up while it waited
        engine.close()

    def test_a_jpeg_of_thousands_of_scans_is_not_decoded(self, version: Version) -> None:
        """Each goes over all pixels, so that a megabyte of them takes minutes."""
        engine, buffer = Engine(workers=1, queue=10), io.BytesIO()
        Image.new("L", (50, 40)).save(buffer, "JPEG", progressive=True)
        image = buffer.getvalue()
        scans = image[image.rindex(b"\xff\xda") : -2]
        pixels = np.zeros((30, 20, 3), np.uint8)

        async def asked() -> list[Answer | Unreadable]:
            given = [image, image[:-2] + 500 * scans + image[-2:], pixels]
            return await engine.answer(version, given, deadline=time.monotonic() + 60)

        few, many, array = asyncio.run(asked())
        assert isinstance(few, Answer)
        assert isinstance(array, Answer)
        assert (few.shorter_side, array.shorter_side) == (40, 20)
        assert isinstance(many, Unreadable)
        assert "more than 400 scans" in str(many)
        engine.close()

    def test_a_network_that_fails_is_told_to_its_owner_and_not_to_clients(
        self, version: Version, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = Engine(workers=1, queue=10)
        pixels = np.zeros((9, 9, 3), np.uint8)

        def fails(_: object) -> None:
            raise SkipwiseError("/secret/path is damaged")

        monkeypatch.setattr(version.session, "predict_resized", fails)

        async def asked() -> None:
            await engine.answer(version, [pixels], deadline=time.monotonic() + 60)

        from skipwise.serving.engine.work import Broken

        with pytest.raises(Broken):
            asyncio.run(asked())
        engine.close()


def test_a_link_that_is_set_to_another_folder_is_seen(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "made" / name).mkdir(parents=True)
    place = tmp_path / "versions"
    place.mkdir()
    before = _stamps(place)
    (place / "1").symlink_to(tmp_path / "made" / "a")
    between = _stamps(place)
    (place / "1").unlink()
    (place / "1").symlink_to(tmp_path / "made" / "b")
    assert before != between != _stamps(place)


def test_a_log_that_is_slow_holds_few_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    go_on, sha256 = threading.Event(), hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda content: (go_on.wait(20), sha256(content))[1])
    monkeypatch.setattr(answer_log, "MOST_BYTES", 250)
    log = answer_log.AnswerLog(tmp_path / "log.jsonl", images=False, say=told.append)
    answer: Any = SimpleNamespace(version=SimpleNamespace(name="m", number="1"), label="cat", probability=0.5)
    for _ in range(9):
        log.answered(bytes(100), answer)
    go_on.set()
    log.close()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 3
    assert len(told) == 1
    assert "its disk is too slow" in told[0]


class TestNames:
    def test_of_folders_and_given_ones(self, tmp_path: Path) -> None:
        (tmp_path / "a=b").mkdir()
        found = parse([str(tmp_path), f"net={tmp_path}", f"other={tmp_path / 'a=b'}"])
        assert [each.name for each in found] == [tmp_path.name, "net", "other"]
        assert found[2].path == tmp_path / "a=b"

    def test_versions_are_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        for name in ("2", "10", "1", "01", "latest", "-3"):
            (tmp_path / "net" / name).mkdir(parents=True)
            (tmp_path / "net" / name / "artifact.json").touch()
        assert list(parse([str(tmp_path / "net")])[0].versions()) == ["1", "2", "10"]


class TestForms:
    def test_files_with_any_name(self) -> None:
        body, kind = form(("Größe 1.png", b"a\r\n--limi"), ("../../etc/passwd", b"b"))
        found = uploads(body, kind, 5)
        assert [(each.name, each.content) for each in found] == [
            ("Größe 1.png", b"a\r\n--limi"),
            ("../../etc/passwd", b"b"),
        ]

    def test_an_empty_field_beside_files_is_left_out(self) -> None:
        body, kind = form(("a", b"x"))
        more = b'--limit\r\nContent-Disposition: form-data; name="note"\r\n\r\n\r\n'
        assert len(uploads(more + body, kind, 5)) == 1
        with pytest.raises(Problem, match="send images as files"):
            uploads(more.replace(b"\r\n\r\n\r\n", b"\r\n\r\nwords\r\n") + body, kind, 5)


def test_a_token_is_compared_byte_by_byte_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    rules = Rules.of("127.0.0.1", token="t" * 16)
    rules.check_token("/v1/models", [f"Bearer {'t' * 16}"])
    with pytest.raises(Problem):
        rules.check_token("/v1/models", ["Bearer wrong"])
    assert [each[1] for each in compared] == [b"t" * 16] * 2
    assert "t" * 16 not in repr(rules)
