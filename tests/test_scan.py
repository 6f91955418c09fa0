"""Looking at images once, remembering it, and decoding them into the cache: killed, raced, filled up."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.comparison.run.images import load_images, store_images
from skipwise.core.errors import SkipwiseError
from skipwise.data import prepare as preparing
from skipwise.data.cache.rows import RowReader
from skipwise.data.image.decode import decode
from skipwise.data.image.preprocess import fit_square
from skipwise.data.prepare import Request, prepare
from skipwise.data.scan.decoder_pool import inspect_files
from skipwise.data.scan.guess import auto_size, guess_pixel_format
from skipwise.data.scan.inspection import PixelFormat, inspect_image
from skipwise.data.scan.scan import decoder_pool_for, scan_images
from skipwise.data.sources import open_source
from skipwise.data.store.packed import pack
from skipwise.data.store.streamed import Streamed
from tests.conftest import make_photos
from tests.processes import children_of
from tests.test_sources import tarred, zipped

PIXEL_FORMAT = PixelFormat(size=16, channels=3)


def every_row(rows: RowReader | None) -> np.ndarray:
    """All rows of a file."""
    assert rows is not None
    return rows[np.arange(len(rows))]


def never(_: object) -> NoReturn:
    """Makes no rows again."""
    pytest.fail("a row is wrong")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is empty."""
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_a_pack_holds_every_image_as_decoding_and_fitting_gives_it(cache: Path, tmp_path: Path, kind: str) -> None:
    root = make_photos(tmp_path / "p", per_class=30)  # more than one job
    make = {"folder": lambda: root, "zip": lambda: zipped(root, tmp_path / "p.zip"),
            "tar": lambda: tarred(root, tmp_path / "p.tar")}  # fmt: skip
    source = open_source(make[kind]())
    seen = scan_images(source)
    pixels = every_row(pack(source, seen, PIXEL_FORMAT))
    assert pixels.shape == (90, 16, 16, 3)
    for index, name in enumerate(source.ids):
        whole = decode((root / name).read_bytes(), channels=3)
        assert (seen.heights[index], seen.widths[index]) == whole.shape[:2]
        np.testing.assert_array_equal(pixels[index], fit_square(whole, 16))
    assert seen.channels(np.arange(90)) == 3
    assert not list((cache / "reading").iterdir())


def test_streamed_pixels_are_packed_ones(tmp_path: Path) -> None:
    source = open_source(make_photos(tmp_path / "p"))
    pixels = every_row(pack(source, scan_images(source), PIXEL_FORMAT))
    some = np.array([3, 30, 7])
    with contextlib.closing(Streamed(source, scan_images(source), PIXEL_FORMAT)) as streamed:
        assert (streamed.shape, len(streamed)) == (pixels.shape, len(pixels))
        streamed.prefetch(some)
        np.testing.assert_array_equal(streamed[some], pixels[some])
        streamed.prefetch(np.array([1]))  # and then another batch is asked for
        np.testing.assert_array_equal(streamed[some], pixels[some])
    packed = open_source(tarred(tmp_path / "p", tmp_path / "p.tgz"))
    with pytest.raises(SkipwiseError, match="cannot be streamed"):
        Streamed(packed, scan_images(packed), PIXEL_FORMAT)


def test_a_survey_is_remembered_until_a_file_changes(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=3)
    told: list[str] = []

    def looked() -> int:
        told.clear()
        source = open_source(root)
        scan_images(source, lambda what, *_: told.append(what), guess=guess_pixel_format(source, None, None))
        return told.count("Reading the images")

    assert looked() > 0
    assert looked() == 0
    Image.new("RGB", (20, 20)).save(root / "stripes1" / "000.png")
    assert looked() > 0


def test_the_guess_saves_a_second_pass(tmp_path: Path) -> None:
    source = open_source(make_photos(tmp_path / "p"))
    guess = guess_pixel_format(source, None, None)
    seen = scan_images(source, guess=guess)
    assert guess == PixelFormat(size=seen.auto_size(np.arange(36)), channels=3)
    told: list[str] = []
    pack(source, seen, guess, lambda what, *_: told.append(what))
    assert not told
    pack(
        source,
        seen,
        PIXEL_FORMAT if guess.size != 16 else PixelFormat(size=8, channels=3),
        lambda what, *_: told.append(what),
    )
    assert told


def test_the_same_processes_look_again(tmp_path: Path) -> None:
    source = open_source(make_photos(tmp_path / "p", per_class=50))
    with decoder_pool_for(source) as pool:
        assert pool is not None
        guess = guess_pixel_format(source, None, None, pool)
        started = len(pool.started)
        assert started == pool.count
        scan_images(source, guess=guess, pool=pool)
        assert len(pool.started) == started
    with decoder_pool_for(source) as pool:
        assert source.container is not None
        for _ in range(3):
            assert sum(1 for _ in inspect_files(source.container, source.files, None, [0], pool)) == 1
        assert pool is not None
        assert len(pool.started) == 1, "one that runs already is taken before another is started"


def test_nothing_is_guessed_of_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request(data=str(make_photos(tmp_path / "p")))
    first = prepare(request, seed=0)
    monkeypatch.setattr(preparing, "guess_pixel_format", None)  # calling it would raise
    again = prepare(request, seed=0)
    assert (again.fingerprint, again.auto_size) == (first.fingerprint, first.auto_size)


def test_a_wrong_guess_of_grey_costs_only_time(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=3)
    source = open_source(root)
    seen = scan_images(source, guess=PixelFormat(size=16, channels=1))
    assert seen.channels(np.arange(9)) == 3
    assert every_row(pack(source, seen, PIXEL_FORMAT)).std() > 10


def test_grey_images_stay_one_channel_and_can_be_repeated(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    for path in root.rglob("*.*"):
        Image.open(path).convert("L").save(path)
    source = open_source(root)
    seen = scan_images(source)
    assert seen.channels(np.arange(6)) == 1
    colour = every_row(pack(source, seen, PIXEL_FORMAT))
    grey = every_row(pack(source, seen, PixelFormat(size=16, channels=1)))
    np.testing.assert_array_equal(colour, np.repeat(grey, 3, axis=3))


def test_fingerprint_follows_names_labels_and_contents(tmp_path: Path) -> None:
    def fingerprint(root: Path) -> str:
        source = open_source(root)
        return scan_images(source).fingerprint(source, np.arange(9))

    root = make_photos(tmp_path / "p", per_class=3)
    first = fingerprint(root)
    assert first == fingerprint(shutil.copytree(root, tmp_path / "copy"))
    assert first == fingerprint(zipped(root, tmp_path / "p.zip"))
    Image.new("RGB", (20, 20)).save(root / "stripes1" / "000.png")
    changed = fingerprint(root)
    (root / "stripes1" / "000.png").rename(root / "stripes1" / "999.png")
    assert len({first, changed, fingerprint(root)}) == 3


def test_unreadable_images_are_all_named_with_the_reason(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=8)
    (root / "stripes0" / "000.png").write_bytes(b"")
    whole = (root / "stripes2" / "001.jpg").read_bytes()
    (root / "stripes2" / "001.jpg").write_bytes(whole[:-100])
    (root / "stripes1" / "link.png").symlink_to(tmp_path / "gone.png")
    (root / "stripes1" / "text.png").write_text("no image")
    (root / "stripes2" / "good.png").symlink_to(root / "stripes2" / "000.png")
    with pytest.raises(SkipwiseError, match="4 images of p can't be read") as caught:
        prepare(Request(data=str(root)), seed=0)
    for sentence in (
        "stripes0/000.png (the file is empty)",
        "stripes1/link.png (no such file or directory)",
        "stripes1/text.png (it is not an image of a known format)",
        "stripes2/001.jpg (the file is cut off)",
    ):
        assert sentence in str(caught.value)


def test_an_encrypted_file_in_an_archive_is_a_fault_of_that_file(tmp_path: Path) -> None:
    archive = zipped(make_photos(tmp_path / "p", per_class=2), tmp_path / "p.zip")
    content = bytearray(archive.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # the last one's flags, in the directory and before its data
    local = int.from_bytes(content[entry + 42 : entry + 46], "little")
    content[entry + 8] |= 1
    content[local + 6] |= 1
    archive.write_bytes(content)
    source = open_source(archive)
    assert scan_images(source).faults == {len(source.ids) - 1: "it is encrypted"}


def test_a_file_that_crashes_the_decoder_is_the_only_one_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_photos(tmp_path / "p", per_class=8)
    (root / "stripes1" / "bomb.png").write_bytes(b"BOMB")
    poison = tmp_path / "poison"
    poison.mkdir()
    # What a decoder does that was written in C and meets bytes made for it.
    (poison / "sitecustomize.py").write_text(
        "import skipwise.data.scan.inspection as inspection, os\n"
        "read_image = inspection.read_image\n"
        "def crash(data, **kind):\n"
        "    return os.kill(os.getpid(), 11) if data == b'BOMB' else read_image(data, **kind)\n"
        "inspection.read_image = crash\n"
    )
    monkeypatch.syspath_prepend(str(poison))
    source = open_source(root)
    assert source.container is not None
    faults = []
    for indices, seen in inspect_files(source.container, source.files, None, range(len(source.files))):
        faults += [(source.ids[i], found.fault) for i, found in zip(indices, seen, strict=True)]
    assert len(faults) == 25
    assert [fault for fault in faults if fault[1]] == [("stripes1/bomb.png", "decoding it crashes the decoder")]


def test_an_archive_that_is_replaced_while_it_is_read_is_refused(tmp_path: Path) -> None:
    archive = tarred(make_photos(tmp_path / "p"), tmp_path / "p.tar")
    source = open_source(archive)
    shutil.copy(tarred(make_photos(tmp_path / "q" / "p", side=24), tmp_path / "q.tar"), archive)
    with pytest.raises(SkipwiseError, match=r"p\.tar changed while it was being read"):
        scan_images(source)


def test_what_could_not_be_read_for_a_passing_reason_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(make_photos(tmp_path / "p"))
    poison = tmp_path / "poison"
    poison.mkdir()
    (poison / "sitecustomize.py").write_text(
        "import skipwise.data.scan.inspection as inspection\n"
        "def read_image(data, **_): raise MemoryError\n"
        "inspection.read_image = read_image\n"
    )
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(poison))
        assert len(scan_images(source, guess=PIXEL_FORMAT).faults) == 36
        empty = every_row(pack(source, scan_images(source), PIXEL_FORMAT))
        assert empty.max() == 0
    seen = scan_images(source)
    assert not seen.faults
    assert every_row(pack(source, seen, PIXEL_FORMAT)).std() > 10


def test_a_limit_on_pixels_that_is_lifted_leaves_no_black_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_photos(tmp_path / "p")
    Image.new("RGB", (50, 50), "white").save(root / "stripes0" / "large.png")
    index = open_source(root).ids.index("stripes0/large.png")
    with monkeypatch.context() as patch:
        patch.setenv("SKIPWISE_MAX_PIXELS", "2000")
        seen = scan_images(open_source(root), guess=PIXEL_FORMAT)
        assert seen.faults == {index: "50 x 50 pixels are more than the 2,000 of SKIPWISE_MAX_PIXELS"}
        pack(open_source(root), seen, PIXEL_FORMAT)
    source = open_source(root)
    assert every_row(pack(source, scan_images(source), PIXEL_FORMAT))[index].min() == 255


def test_streaming_refuses_an_image_with_another_content(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p")
    source = open_source(root)
    with contextlib.closing(Streamed(source, scan_images(source), PIXEL_FORMAT)) as streamed:
        Image.new("RGB", (20, 20)).save(root / source.files[4])
        assert streamed[np.array([3])].any()
        with pytest.raises(SkipwiseError, match="changed since training began"):
            streamed[np.array([4])]


@pytest.mark.usefixtures("in_this_process")
def test_streaming_refuses_a_folder_with_another_file(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p")
    options = {"seeds": 2, "epochs": 1, "width": 0.25, "precision": "fp32"}
    found = skipwise.compare(root, models=["resnet18", "plain18"], output=tmp_path / "c", **options)
    request = Request(data=str(root))
    store_images(found.folder, found.plan, prepare(request, seed=0), request, None)
    images = load_images(found.folder, found.plan)
    assert images.pixels[np.array([0])].shape[0] == 1
    images.pixels.pixels.close()
    Image.new("RGB", (20, 20)).save(root / "stripes0" / "00.png")
    with pytest.raises(SkipwiseError, match="changed since training began"):
        load_images(found.folder, found.plan)


def test_a_folder_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p")
    source = open_source(root)

    def meddle(_: str, done: int, total: int) -> None:
        if done == total:
            Image.new("RGB", (5, 5)).save(root / "stripes1" / "000.png")

    with pytest.raises(SkipwiseError, match=r"stripes1/000\.png changed while it was being read"):
        scan_images(source, meddle)


@pytest.mark.parametrize("side", [3, 8, 28, 32, 100, 500])
def test_auto_size(side: int) -> None:
    assert auto_size([side] * 3) == {3: 8, 8: 8, 28: 28, 32: 32, 100: 96, 500: 128}[side]
    # Of many sizes, resampled in any case.
    assert auto_size([side - 1, side, side + 1]) == {3: 8, 8: 8, 28: 24, 32: 32, 100: 96, 500: 128}[side]


def test_odd_shapes_have_a_middle(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    Image.new("RGB", (1, 1), "red").save(root / "stripes0" / "one.png")
    Image.new("RGB", (20_000, 3), "red").save(root / "stripes0" / "strip.png")
    source = open_source(root)
    seen = scan_images(source)
    assert not seen.faults
    pixels = every_row(pack(source, seen, PIXEL_FORMAT))
    for name in ("one", "strip"):
        assert (pixels[source.ids.index(f"stripes0/{name}.png")] == [255, 0, 0]).all()


PACK = """
import os, sys
if hasattr(os, "sched_setaffinity"):  # a process for each core reads images
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.store.packed import pack
from skipwise.data.sources import open_source
from skipwise.data.scan.scan import scan_images
from skipwise.data.scan import journal
journal.SAFE_SECONDS = 0.0
source = open_source(sys.argv[1])
square = PixelFormat(size=64, channels=3)
print(pack(source, scan_images(source, lambda what, done, total: print(done, flush=True), guess=square), square).path)
"""


def packing(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PACK, str(root)], stdout=subprocess.PIPE, text=True)


def expected(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setenv("SKIPWISE_CACHE", str(tmp_path / "undisturbed"))
        source = open_source(root)
        return every_row(pack(source, scan_images(source), PixelFormat(size=64, channels=3)))


@pytest.mark.slow
def test_killed_again_and_again_it_goes_on_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_photos(tmp_path / "p", per_class=500)
    want = expected(root, tmp_path, monkeypatch)
    for stop_at in (150, 600, 900):
        process = packing(root)
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= stop_at:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
        process.stdout.close()
    process = packing(root)
    output = process.communicate()[0].split()
    assert process.returncode == 0
    assert int(output[0]) > 100, "what was done before is not done again"
    np.testing.assert_array_equal(every_row(RowReader.open(Path(output[-1]), never)), want)


def test_two_processes_at_once_decode_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_photos(tmp_path / "p", per_class=300)
    want = expected(root, tmp_path, monkeypatch)
    both = [packing(root) for _ in range(2)]
    outputs = [process.communicate()[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    np.testing.assert_array_equal(every_row(RowReader.open(Path(outputs[0][-1]), never)), want)
    assert outputs[0][-1] == outputs[1][-1]
    decoded = [sum(word.isdigit() and int(word) > 0 for word in output) for output in outputs]
    assert sorted(count > 0 for count in decoded) == [False, True]


def test_a_full_disk_is_said_before_the_work_is_done(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(make_photos(tmp_path / "p"))
    seen = scan_images(source)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**7, 10**7))
    with pytest.raises(
        SkipwiseError, match=r"need .* MB in .*cache, where 0 bytes can be used \(.* are free, and 5% .*\); free some"
    ):
        pack(source, seen, PixelFormat(size=1024, channels=3))
    assert not list((cache / "pixels").glob("*.npy")) if (cache / "pixels").exists() else True


def test_a_disk_that_fills_up_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real file system with room for a few images."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("nobody may mount a file system here")
    try:
        monkeypatch.setenv("SKIPWISE_CACHE", str(disk))
        source = open_source(make_photos(tmp_path / "p"))
        seen = scan_images(source)
        monkeypatch.setattr(
            shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 0, 10**12)
        )  # as it is where a quota says otherwise
        with pytest.raises(SkipwiseError, match="the disk is full; free some space"):
            pack(source, seen, PixelFormat(size=512, channels=3))
        scan_images(source)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "file"))
    with pytest.raises(SkipwiseError, match="SKIPWISE_CACHE"):
        scan_images(open_source(make_photos(tmp_path / "p")))


@pytest.mark.slow
def test_fuzzed_files_never_end_the_process(tmp_path: Path) -> None:
    """Three thousand damaged files of every format: each is read or named, and nothing else happens."""
    rng = np.random.default_rng(0)
    root = tmp_path / "fuzzed"
    picture = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    kinds = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "webp": "WEBP", "tif": "TIFF", "bmp": "BMP", "ppm": "PPM"}
    kinds |= {"jp2": "JPEG2000", "tga": "TGA"}
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
    for suffix, kind in kinds.items():
        picture.save(tmp_path / f"whole.{suffix}", kind)
        whole = np.frombuffer((tmp_path / f"whole.{suffix}").read_bytes(), np.uint8)
        for number in range(340):
            damaged = whole.copy()
            places = rng.integers(0, len(whole), rng.integers(1, 30))
            damaged[places] = rng.integers(0, 256, len(places))
            if number % 3 == 0:
                damaged = damaged[: rng.integers(0, len(damaged))]
            (root / "ab"[number % 2] / f"{number:03d}.{suffix}").write_bytes(damaged.tobytes())
    seen = scan_images(open_source(root))
    assert len(seen.digests) == 340 * len(kinds)
    assert 300 < len(seen.faults) < len(seen.digests)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from Linux's /proc")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """60,000 images of 64 x 64 are 700 MB decoded; anonymous memory of all processes stays below 400 MB."""
    root = make_photos(tmp_path / "p", per_class=10)
    lines = ["path,label", *(f"stripes{k % 3}/00{k % 5 * 2}.png,{k % 3}" for k in range(60_000))]
    (root / "many.csv").write_text("\n".join(lines))
    process = packing(root / "many.csv")
    assert process.stdout is not None
    peak = 0
    for number, _ in enumerate(process.stdout):
        if number % 2000 == 0:
            peak = max(peak, anonymous(process.pid))
    assert process.wait() == 0
    process.stdout.close()
    assert 30e6 < peak < 400e6


def anonymous(pid: int) -> int:
    """RssAnon of a process and its children, in bytes."""
    total = 0
    for each in (str(pid), *children_of(pid)):
        for line in Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1]) * 1024
    return total


def test_a_look_says_what_is_wrong_and_keeps_the_hash() -> None:
    found = inspect_image(b"no image", PIXEL_FORMAT)
    assert found.fault
    assert found.digest != inspect_image(b"", PIXEL_FORMAT).digest
