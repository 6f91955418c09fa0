"""An object store that fails, falls silent, goes away and is emptied, while its files are listed and trained on."""

from __future__ import annotations

import io
import itertools
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise import SkipwiseError
from skipwise.core.remote import faults, kinds
from skipwise.core.remote.copies import copied
from skipwise.core.remote.listing import list_files
from tests.conftest import make_photos
from tests.stores import Handler, Store, WebServer, between, object_store, web_server

LINEAR, PARTS = "tests.external_networks:Linear", "tests.external_networks:ManyParts"
OPTIONS: dict[str, Any] = {
    "models": [LINEAR, PARTS],
    "epochs": 3,
    "seeds": 2,
    "img_size": 16,
    "precision": "fp32",
    "executor": "in-process",
    "pack": False,  # every batch is asked for again in every epoch
}
SILENCE = 3.0


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, in which there is no room for copies; what takes a second takes a moment."""
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SKIPWISE_MAX_COPY", "0")
    monkeypatch.setattr(faults, "WAIT", 0.01)
    monkeypatch.setattr(kinds, "SILENCE", SILENCE)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch, object_store(patch) as found:
        yield found


@pytest.fixture
def server(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """What stands before the store."""
    with between(store, monkeypatch) as found:
        yield found


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two files with pictures and their classes, by their names."""
    files = sorted(make_photos(tmp_path_factory.mktemp("pets") / "pets").rglob("*.*"))
    found = {}
    for shard in range(2):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path in files[shard::2]:
                for name, data in ((path.name, path.read_bytes()), (f"{path.stem}.cls", path.parent.name.encode())):
                    header = tarfile.TarInfo(f"{path.parent.name}-{name}")
                    header.size = len(data)
                    archive.addfile(header, io.BytesIO(data))
        found[f"train-{shard}.tar"] = packed.getvalue()
    return found


@pytest.fixture
def bucket(store: Store, shards: dict[str, bytes]) -> str:
    name = store.bucket(f"b{time.time_ns()}")
    fill(store, name, shards)
    return name


def fill(store: Store, bucket: str, shards: dict[str, bytes]) -> None:
    for name, data in shards.items():
        store.put(bucket, f"pets/{name}", data)


@pytest.fixture(scope="module")
def undisturbed(store: Store, shards: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of the comparison, with a store that never fails."""
    name = store.bucket("undisturbed")
    fill(store, name, shards)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIPWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("SKIPWISE_MAX_COPY", "0")
        return compare(name, tmp_path_factory.mktemp("undisturbed") / "out")


def compare(bucket: str, folder: Path, **options: Any) -> bytes:
    skipwise.compare(f"s3://{bucket}/pets", output=folder, **OPTIONS, **options)
    return (folder / "comparison.json").read_bytes()


class Now(skipwise.Callback):
    """Does something after the third epoch."""

    def __init__(self, act: Any) -> None:
        self.act, self.epochs = act, 0

    def on_epoch(self, epoch: skipwise.Epoch) -> None:  # noqa: ARG002
        self.epochs += 1
        if self.epochs == 3:
            self.act()


def refuse(handler: Handler) -> bool:
    handler.fail(500)
    return True


@pytest.mark.slow
def test_errors_silences_and_answers_that_are_cut_off_change_nothing(
    server: WebServer, bucket: str, undisturbed: bytes, tmp_path: Path
) -> None:
    numbers, done = itertools.count(1), []

    def flaky(handler: Handler) -> bool:
        number = next(numbers)
        if number in (25, 55):
            done.append("silence")
            time.sleep(SILENCE + 1)
            handler.close_connection = True
        elif number % 20 == 0 and handler.command == "GET":
            done.append("cut off")
            handler.cut_off(b"some", 1000)
        elif number % 20 == 10:
            done.append("500")
            handler.fail(500)
        else:
            return False
        return True

    server.answer = flaky
    assert compare(bucket, tmp_path / "out") == undisturbed
    assert {"silence", "cut off", "500"} == set(done)


@pytest.mark.slow
def test_a_store_that_goes_away_stops_it_and_once_it_is_back_it_goes_on(
    server: WebServer, bucket: str, undisturbed: bytes, tmp_path: Path
) -> None:
    address = rf"s3://{bucket}/pets/train-\d\.tar"
    for _ in range(2):
        gone = Now(lambda: setattr(server, "answer", refuse))
        with pytest.raises(SkipwiseError, match=rf"{address} does not answer .* the same command again") as caught:
            compare(bucket, tmp_path / "out", callbacks=[gone])
        assert "\n" not in str(caught.value)
        server.answer = None
    assert compare(bucket, tmp_path / "out") == undisturbed


@pytest.mark.slow
def test_a_bucket_that_is_emptied_stops_it_and_once_the_files_are_back_it_goes_on(
    store: Store, server: WebServer, bucket: str, shards: dict[str, bytes], undisturbed: bytes, tmp_path: Path
) -> None:
    def empty() -> None:
        for name in shards:
            store.client.delete_object(Bucket=bucket, Key=f"pets/{name}")

    with pytest.raises(SkipwiseError, match=rf"There is nothing at s3://{bucket}/pets/train-\d\.tar; check"):
        compare(bucket, tmp_path / "out", callbacks=[Now(empty)])
    with pytest.raises(SkipwiseError, match=f"There is nothing at s3://{bucket}/pets; check"):
        compare(bucket, tmp_path / "out")
    fill(store, bucket, {name: data + bytes(512) for name, data in shards.items()})  # later, and no longer the same
    assert compare(bucket, tmp_path / "out") == undisturbed
    assert server.asked


@pytest.mark.slow
def test_a_listing_that_breaks_off_is_asked_for_again_and_is_whole(
    store: Store, server: WebServer, bucket: str
) -> None:
    for number in range(1100):
        store.put(bucket, f"many/{'ab'[number % 2]}/{number:05d}.png", b"x")
    whole = list_files(f"s3://{bucket}/many")
    assert len(whole.files) == 1100
    seen: set[str] = set()

    def once(handler: Handler) -> bool:
        if handler.path in seen:
            return False
        seen.add(handler.path)
        if handler.command == "GET" and len(seen) % 2:
            handler.cut_off(b"<ListBucketResult>", 1000)
        else:
            handler.fail(503)
        return True

    server.answer = once
    assert list_files(f"s3://{bucket}/many") == whole
    assert seen
    server.answer = refuse
    with pytest.raises(SkipwiseError, match=f"s3://{bucket}/many does not answer"):
        list_files(f"s3://{bucket}/many")


def test_a_store_that_answered_before_is_asked_more_often_than_one_that_never_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKIPWISE_MAX_COPY")
    with web_server() as web:
        web.files["/pets.zip"] = bytes(1000)
        failing = iter(range(faults.ENDURING - 1))
        web.answer = lambda handler: handler.command == "GET" and next(failing, None) is not None and refuse(handler)
        assert copied(f"{web.address}/pets.zip").read_bytes() == bytes(1000)
        web.asked.clear()
        web.answer = refuse
        with pytest.raises(SkipwiseError, match=f"though it was asked {faults.ATTEMPTS} times"):
            copied(f"{web.address}/other.zip")
    assert [method for method, _, _ in web.asked].count("HEAD") == faults.ATTEMPTS
    assert not list(tmp_path.rglob("*.part"))
