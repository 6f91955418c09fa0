"""Images, runs and artifacts at addresses: from a real object store, and from a web server that fails on purpose."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.core import addresses
from skipwise.core.download.asked_for import nothing_downloaded
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.remote import copies, copying, faults, kinds, listing, reading
from skipwise.core.remote.cells import copied_each
from skipwise.core.remote.copies import address_of, copied, home_of, local_path
from skipwise.core.remote.listing import RemoteFile
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources import open_source
from tests.conftest import Run, Shipped, make_photos
from tests.stores import SECRET, Handler, Store, WebServer, object_store, waited_for, web_server


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own; what takes a second takes a moment."""
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(addresses, "_whole", {})
    monkeypatch.setattr(faults, "WAIT", 0.01)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch, object_store(patch) as found:
        yield found


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as found:
        yield found


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("pets") / "pets", classes=2, per_class=4)


@pytest.fixture
def bucket(store: Store, pets: Path) -> Iterator[str]:
    name = store.bucket(f"b{time.time_ns()}")
    store.put_folder(name, "pets", pets)
    yield name
    for each in store.client.list_objects_v2(Bucket=name).get("Contents", []):
        store.client.delete_object(Bucket=name, Key=each["Key"])


def zipped(folder: Path, to: Path) -> bytes:
    return Path(shutil.make_archive(str(to), "zip", folder)).read_bytes()


def fails(address: str, match: str) -> str:
    """Opens it, which is to fail with one sentence."""
    with pytest.raises(SkipwiseError, match=match) as caught:
        skipwise.open_images(address)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- the web ----


def test_an_archive_of_the_web_is_copied_once(web: WebServer, pets: Path, tmp_path: Path) -> None:
    web.files["/pets.zip"] = zipped(pets, tmp_path / "pets")
    here, there = skipwise.open_images(tmp_path / "pets.zip"), skipwise.open_images(f"{web.address}/pets.zip")
    assert (there.name, there.ids, there.reading) == (here.name, here.ids, here.reading)
    web.asked.clear()
    skipwise.open_images(f"{web.address}/pets.zip")
    assert {method for method, _, _ in web.asked} == {"HEAD"}
    web.files["/pets.zip"] = zipped(pets / "stripes0", tmp_path / "other")
    with pytest.raises(SkipwiseError):  # one class, in the file that is there now
        skipwise.open_images(f"{web.address}/pets.zip")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "it is forbidden .HTTP status 403."),
        (404, "There is nothing at "),
        (500, "does not answer .HTTP status 500., though it was asked 4 times"),
    ],
)
def test_a_server_that_refuses_is_said(web: WebServer, status: int, said: str) -> None:
    def refuse(handler: Handler) -> bool:
        handler.fail(status)
        return True

    web.answer = refuse
    fails(f"{web.address}/pets.zip", said)
    assert not list((cache_folder() / "remote").glob("*/*"))  # nothing is left of it


def test_answers_that_break_off_and_errors_that_pass_are_asked_for_again(
    web: WebServer, pets: Path, tmp_path: Path
) -> None:
    data = zipped(pets, tmp_path / "pets")
    web.files["/pets.zip"] = data
    turns = iter(range(1000))

    def flaky(handler: Handler) -> bool:
        turn = next(turns)
        if handler.command == "HEAD":
            return False
        if turn % 3 == 0:
            handler.fail(503)
        elif turn % 3 == 1:
            handler.cut_off(data[:100], len(data))
        return turn % 3 != 2

    web.answer = flaky
    assert copied(f"{web.address}/pets.zip").read_bytes() == data


def test_a_silent_server_is_given_up(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "SILENCE", 0.2)
    monkeypatch.setattr(faults, "ATTEMPTS", 2)

    def silent(handler: Handler) -> bool:
        time.sleep(0.5)
        handler.close_connection = True
        return True

    web.answer = silent
    fails(f"{web.address}/pets.zip", "does not answer .no answer in time.")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_large_file_arrives_whole(web: WebServer, ranges: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PART", 1000)
    monkeypatch.setattr(reading, "PART", 1000)
    data = np.random.default_rng(0).bytes(9_500)
    web.files["/pets.tar"], web.ranges = data, ranges
    assert copied(f"{web.address}/pets.tar").read_bytes() == data
    parts = [asked for _, _, asked in web.asked if asked.startswith("bytes=")]
    assert len(parts) == (11 if ranges else 1)  # the first asks whether there are parts


def test_a_large_file_is_gone_on_with(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PART", 1000)
    monkeypatch.setattr(faults, "ATTEMPTS", 1)
    data = np.random.default_rng(0).bytes(40_000)
    web.files["/pets.tar"] = data

    def broken(handler: Handler) -> bool:
        late = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0]) >= 20_000
        if late and not handler.headers["Range"].startswith("bytes=39999-"):
            handler.fail(500)
        return late and not handler.headers["Range"].startswith("bytes=39999-")

    web.answer = broken
    with pytest.raises(SkipwiseError, match="give the same command again, which goes on from there"):
        copied(f"{web.address}/pets.tar")
    web.answer, web.asked = None, []
    assert copied(f"{web.address}/pets.tar").read_bytes() == data
    starts = [int(asked[6:].partition("-")[0]) for method, _, asked in web.asked if asked and method == "GET"]
    assert min(starts) >= 12_000  # at most eight parts are lost


def test_a_file_whose_version_is_not_known_is_not_gone_on_with(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another one by now, of the same length, and half of each would be neither."""
    monkeypatch.setattr(copying, "PART", 1000)
    monkeypatch.setattr(faults, "ATTEMPTS", 1)
    before, after = (np.random.default_rng(seed).bytes(20_000) for seed in (0, 1))
    web.files["/pets.tar"], web.versions = before, False

    def broken(handler: Handler) -> bool:
        late = handler.headers.get("Range", "").startswith("bytes=15000-")
        if late:
            handler.fail(500)
        return late

    web.answer = broken
    with pytest.raises(SkipwiseError, match="give the same command again"):
        copied(f"{web.address}/pets.tar")
    web.answer, web.files["/pets.tar"] = None, after
    assert copied(f"{web.address}/pets.tar").read_bytes() == after


def test_cells_whose_copies_would_take_each_others_place_are_refused() -> None:
    for one, other, said in (
        ("s3://pets/a.png", "gs://pets/a.png", "get the same name here"),
        ("abfs://one@account/a.png", "abfs://two@account/a.png", "get the same name here"),
        ("s3://pets/a", "s3://pets/a/b.png", "is a file, and a folder of"),
    ):
        with pytest.raises(SkipwiseError, match=said):
            copied_each([one, other])


def test_files_that_are_copied_side_by_side_get_numbers_of_their_own() -> None:
    """These two names have the same CRC-32, as two of 100,000 are likely to."""
    one, other = (RemoteFile(f"{name}.png", 1, 10**9, "") for name in ("c50963c80102", "d3f504638284"))
    assert copying.hash_of(one) != copying.hash_of(other)


def test_a_server_that_never_ends_is_stopped(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPWISE_MAX_COPY", "100k")

    def endless(handler: Handler) -> bool:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while handler.command == "GET":
                handler.wfile.write(bytes(100_000))
        handler.close_connection = True
        return True

    web.answer = endless
    fails(f"{web.address}/pets.tar", "is larger than the 100,000 bytes that there is room for")


def test_what_changes_while_it_is_copied_is_noticed(web: WebServer, pets: Path, tmp_path: Path) -> None:
    web.files["/pets.zip"] = data = zipped(pets, tmp_path / "pets")

    def replace(handler: Handler) -> bool:
        if handler.command == "GET":
            web.files["/pets.zip"] = data[:-1] + b"!"
        return False

    web.answer = replace
    fails(f"{web.address}/pets.zip", r"pets\.zip changed while .* was copied; give the same command again")
    web.answer, web.files["/pets.zip"] = None, data
    assert len(skipwise.open_images(f"{web.address}/pets.zip")) == 8


def test_a_page_of_the_web_is_not_taken_for_images(web: WebServer) -> None:
    web.files["/gallery"], web.kind = b"<html></html>", "text/html"
    fails(f"{web.address}/gallery", "is a page of the web, and Skipwise reads files")


def test_a_table_of_addresses_is_read(web: WebServer, pets: Path, tmp_path: Path) -> None:
    rows = ["url,label\n"]
    for path in sorted(pets.rglob("*.*")):
        name = path.relative_to(pets).as_posix()
        web.files[f"/{name}"] = path.read_bytes()
        rows.append(f"{web.address}/{name}?X-Amz-Signature=hidden,{path.parent.name}\n")
    table = tmp_path / "tables/pets.csv"
    table.parent.mkdir()
    table.write_text("".join(rows))
    source = skipwise.open_images(table)
    assert len(source) == 8
    assert source.ids[0].endswith("/stripes0/000.png")
    here = skipwise.open_images(pets)
    assert list(scan_images(source).digests) == list(scan_images(here).digests)
    del web.files["/stripes1/000.png"]
    fails(str(table), r"There is nothing at http://127\.0\.0\.1:\d+/stripes1/000\.png; check")
    assert not any(b"hidden" in file.read_bytes() for file in cache_folder().rglob("*") if file.is_file())


@pytest.mark.slow
def test_no_secret_is_written(web: WebServer, pets: Path, tmp_path: Path, cli: Run) -> None:
    web.files["/pets.zip"] = zipped(pets, tmp_path / "pets")
    secret = "hiddenhidden"
    address = f"{web.address.replace('//', f'//me:{secret}@')}/pets.zip?X-Amz-Signature={secret}&sig={secret}"
    for verb in (["audit", address], ["audit", address + "x"], ["audit", address, "-o", address], ["bogus", address]):
        ran = cli(*verb)
        assert secret not in ran.stdout + ran.stderr
    assert (tmp_path / "runs/audit/pets/audit.json").exists()
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]


def test_a_record_alone_opens_no_connection_and_makes_do_with_the_copy(
    web: WebServer, pets: Path, tmp_path: Path
) -> None:
    address = f"{web.address}/pets.zip"
    web.files["/pets.zip"] = zipped(pets, tmp_path / "pets")
    with nothing_downloaded():
        fails(address, "only a record names it; name it in the command")
    assert not web.asked
    skipwise.open_images(address)
    web.asked.clear()
    with nothing_downloaded():
        assert len(skipwise.open_images(address)) == 8
    assert not web.asked


def test_a_process_that_does_not_know_the_key_makes_do_with_the_copy(
    web: WebServer, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/pets.zip"] = zipped(pets, tmp_path / "pets")

    def guarded(handler: Handler) -> bool:
        if "sig=77" not in handler.path:
            handler.fail(403)
        return "sig=77" not in handler.path

    web.answer = guarded
    assert len(skipwise.open_images(f"{web.address}/pets.zip?sig=77")) == 8
    monkeypatch.setattr(addresses, "_whole", {})  # as in another process
    assert len(skipwise.open_images(f"{web.address}/pets.zip")) == 8


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("foo://b/pets", "Addresses that begin with foo:// are not read, only s3://"),
        ("memory://b/pets", "Addresses that begin with memory:// are not read"),
        ("s3://", "s3:// names nothing"),
        ("s3://me:key@b/pets", "has a key in it, where nobody reads it"),
        ("file:///data/pets", "give its path: /data/pets"),
    ],
)
def test_addresses_that_are_none(address: str, said: str) -> None:
    assert "me:key" not in fails(address, said)


@pytest.mark.parametrize(
    ("scheme", "package", "extra"),
    [("s3", "s3fs", "remote"), ("gs", "gcsfs", "remote-gs"), ("ssh", "paramiko", "remote-ssh")],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    scheme: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else found(name, *a))
    fails(f"{scheme}://b/pets", rf"This needs {package}, .* pip install 'skipwise\[{extra}\]'")


# ---- an object store ----


@pytest.mark.slow
def test_a_bucket_is_read_as_the_folder_that_was_put_there(store: Store, bucket: str, pets: Path) -> None:
    store.put(bucket, "pets/stripes0/", b"")  # what consoles make for a folder
    store.put(bucket, "pets/.git/config", b"x")
    here, there = open_source(pets), open_source(f"s3://{bucket}/pets")
    every = np.arange(len(here))
    assert scan_images(here).fingerprint(here, every) == scan_images(there).fingerprint(there, every)
    assert there.name == "pets"
    store.put(bucket, "pets/stripes0/000.png", (pets / "stripes1/000.png").read_bytes())
    store.client.delete_object(Bucket=bucket, Key="pets/stripes1/001.jpg")
    changed = open_source(f"s3://{bucket}/pets")
    assert len(changed) == len(here) - 1
    assert scan_images(changed).digests[0] == scan_images(here).digests[4]
    assert not (local_path(f"s3://{bucket}/pets") / "stripes1/001.jpg").exists()
    assert address_of(local_path(f"s3://{bucket}/pets") / "stripes1") == f"s3://{bucket}/pets/stripes1"


@pytest.mark.slow
def test_bad_buckets_are_said(store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(f"s3://{bucket}x/pets", "There is no bucket of ")
    fails(f"s3://{bucket}/none", "There is nothing at ")
    fails(f"s3://{store.bucket(bucket + 'e')}", "There is nothing at ")
    for number, (key, data, said) in enumerate(
        [
            ("a/../x.jpg", b"1", "a name that leads to another folder"),
            ("a//x.jpg", b"1", "a name that leads to another folder or to none"),
            ("a\\x.jpg", b"1", "a name that leads to another folder"),
            ("a/" + "x" * 300 + ".jpg", b"1", "a name that is too long for a disk"),
            ("readme.md", b"1", "holds only files of other kinds"),
        ]
    ):
        store.put(bucket, f"bad{number}/{key}", data)
        fails(f"s3://{bucket}/bad{number}", said)
    store.put(bucket, "both/a", b"1")
    store.put(bucket, "both/a/x.jpg", b"1")
    fails(f"s3://{bucket}/both", "holds 'a' as a file and as a folder")
    for label in "ab":
        store.put(bucket, f"empty/{label}/x.jpg", b"")
    assert len(scan_images(open_source(f"s3://{bucket}/empty")).faults) == 2  # which `audit` names one by one
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    kinds.open_filesystem(f"s3://{bucket}")[0].clear_instance_cache()
    fails(f"s3://{bucket}/pets", "there are no credentials here; set AWS_PROFILE")
    kinds.open_filesystem(f"s3://{bucket}")[0].clear_instance_cache()


@pytest.mark.slow
def test_more_files_than_a_page_of_the_listing(store: Store, bucket: str) -> None:
    for number in range(2100):
        store.put(bucket, f"many/{'ab'[number % 2]}/{number:05d}.png", b"x")
    found = listing.list_files(f"s3://{bucket}/many")
    assert [file.name for file in found.files] == sorted(f"{'ab'[n % 2]}/{n:05d}.png" for n in range(2100))


@pytest.mark.slow
def test_there_has_to_be_room_before_anything_is_copied(
    store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(bucket, "pets/stripes1/huge.png", bytes(10**6))
    monkeypatch.setenv("SKIPWISE_MAX_COPY", "500k")
    fails(
        f"s3://{bucket}/pets", r"there is room for 500 kB .SKIPWISE_MAX_COPY is 500 kB.; name a folder on another disk"
    )
    assert not list(cache_folder().rglob("*.png"))
    monkeypatch.setenv("SKIPWISE_MAX_COPY", "some")
    fails(f"s3://{bucket}/pets", "it takes the bytes that copies of images from addresses may have")


@pytest.mark.slow
def test_a_bucket_that_is_emptied_meanwhile_is_noticed(
    store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = copies.copy_files

    def emptied(*arguments: object) -> None:
        store.client.delete_object(Bucket=bucket, Key="pets/stripes1/003.jpg")
        whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(copies, "copy_files", emptied)
    fails(f"s3://{bucket}/pets", r"There is nothing at .*pets/stripes1/003\.jpg; check")
    monkeypatch.undo()


@pytest.mark.slow
def test_shards_are_read_where_they_are_if_there_is_no_room(
    store: Store, bucket: str, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import tarfile

    import pyarrow
    import pyarrow.parquet

    from skipwise.data.scan.inspection import PixelFormat
    from skipwise.data.store.streamed import Streamed

    files = sorted(pets.rglob("*.*"))
    (tmp_path / "tars").mkdir()
    (tmp_path / "rows").mkdir()
    for shard in range(2):
        with tarfile.open(tmp_path / f"tars/train-{shard}.tar", "w") as archive:
            for path in files[shard::2]:
                for name, data in ((path.name, path.read_bytes()), (f"{path.stem}.cls", path.parent.name.encode())):
                    header = tarfile.TarInfo(f"{path.parent.name}-{name}")
                    header.size = len(data)
                    archive.addfile(header, io.BytesIO(data))
        some = files[shard::2]
        rows = {"image": [{"bytes": path.read_bytes()} for path in some], "label": [path.parent.name for path in some]}
        pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / f"rows/train-{shard}.parquet", row_group_size=2)
    monkeypatch.setenv("SKIPWISE_MAX_COPY", "0")
    for kind in ("tars", "rows"):
        store.put_folder(bucket, kind, tmp_path / kind)
        here, there = open_source(tmp_path / kind), open_source(f"s3://{bucket}/{kind}")
        every = np.arange(len(here))
        seen = scan_images(there)
        assert scan_images(here).fingerprint(here, every) == seen.fingerprint(there, every)
        assert "The shards are read where they are" in there.reading
        assert not list((cache_folder() / "remote").rglob(f"train*.{'tar' if kind == 'tars' else 'parquet'}"))
    there, here = open_source(f"s3://{bucket}/tars"), open_source(tmp_path / "tars")
    form = PixelFormat(size=16, channels=3)
    one, other = Streamed(there, scan_images(there), form), Streamed(here, scan_images(here), form)
    order = np.random.default_rng(0).permutation(len(here))
    try:
        assert (one[order] == other[order]).all()
        store.put(bucket, "tars/train-1.tar", (tmp_path / "tars/train-0.tar").read_bytes())
        with pytest.raises(SkipwiseError, match="changed"):
            one[order]
    finally:
        one.close()
        other.close()


def _is_on(process: subprocess.Popen[bytes], folder: Path, more: int) -> bool:
    """Returns whether a process has ended, or copied so many files."""
    return process.poll() is not None or len(list(folder.rglob("*.png"))) > more


@pytest.mark.slow
def test_copying_goes_on_after_kills(store: Store, bucket: str) -> None:
    rng = np.random.default_rng(0)
    for number in range(300):
        store.put(bucket, f"large/{'ab'[number % 2]}/{number:03d}.png", rng.bytes(2000))
    store.put(bucket, "large/c/whole.png", rng.bytes(30_000_000))
    address = f"s3://{bucket}/large"
    line = f"from skipwise.core.remote.copies import local_path; local_path({address!r})"
    home = home_of(address)
    done: list[int] = []
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", line])
        before = len(list((home / "files").rglob("*.png")))
        waited_for(partial(_is_on, process, home / "files", before + 20))
        process.send_signal(signal.SIGKILL)
        process.wait()
        done.append(len(list((home / "files").rglob("*.png"))))
        assert not copies.record_in(home)
        if done[-1] > 250:
            break
    assert done == sorted(done)
    path = local_path(address)
    for file in listing.list_files(address).files:
        body = store.client.get_object(Bucket=bucket, Key=f"large/{file.name}")["Body"].read()
        assert (path / file.name).read_bytes() == body
    assert not (home / ".unfinished").exists()


@pytest.mark.slow
def test_two_at_once_copy_once(store: Store, bucket: str) -> None:
    for number in range(100):
        store.put(bucket, f"both/{'ab'[number % 2]}/{number:03d}.png", bytes(2000))
    line = f"from skipwise.core.remote.copies import local_path; print(local_path('s3://{bucket}/both'))"
    both = [subprocess.Popen([sys.executable, "-c", line], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert said[0] == said[1] != ""
    assert len(list(Path(said[0].strip()).rglob("*.png"))) == 100


@pytest.mark.slow
def test_runs_and_artifacts_at_addresses(
    store: Store, bucket: str, shipped: Shipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    artifact = shipped("onnx")
    store.put_folder(bucket, "artifact", artifact)
    address = f"s3://{bucket}/artifact"
    with skipwise.Predictor(artifact) as here, skipwise.Predictor(address) as there:
        assert here.identity == there.identity
    with pytest.raises(SkipwiseError, match="Results can't be written to s3://"):
        skipwise.audit(f"s3://{bucket}/pets", output=f"s3://{bucket}/results")
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()
