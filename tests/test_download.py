"""Downloads, from a server that does everything wrong that a server can do."""

from __future__ import annotations

import gc
import hashlib
import io
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from skipwise.core.download import download, https
from skipwise.core.download.download import Download
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import write_json
from tests import serving
from tests.serving import Behaviour, Handler, Site

DATA = np.random.default_rng(0).bytes(300_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Path]]:
    with serving.serving(tmp_path_factory.mktemp("certificate")) as found:
        yield found


@pytest.fixture
def site(served: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A server with one file, whose certificate is trusted."""
    found, trusted = served
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setenv("no_proxy", "localhost")
    found.files, found.behaviours, found.asked = {"/file.pth": DATA}, {}, []
    return found


def of(site: Site, data: bytes = DATA, *, most: int = 10**6) -> Download:
    return Download(
        url=f"{site.address}/file.pth", sha256=hashlib.sha256(data).hexdigest()[:8], most=most, mend="go elsewhere"
    )


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a minute takes a second."""
    monkeypatch.setattr(https, "SILENCE", 0.5)
    monkeypatch.setattr(https, "PATIENCE", 1.0)
    monkeypatch.setattr(download, "WINDOW", 1.0)
    monkeypatch.setattr(download, "ATTEMPTS", 1)


def test_a_file_arrives_whole_and_alone(site: Site, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = tmp_path / "file.pth"
    replace(of(site), sha256="").fetch(path)
    path.unlink()
    of(site).fetch(path, lambda *now: told.append(now))
    assert path.read_bytes() == DATA
    assert told[-1] == ("Downloading file.pth (MB)", 0, 0)
    assert list(tmp_path.iterdir()) == [path]
    of(site).fetch(path)
    assert site.asked == ["", ""], "what is there is not downloaded again"


def test_a_connection_that_breaks_is_gone_on_with(site: Site, tmp_path: Path) -> None:
    site.behaviours["/file.pth"] = serving.cut_after(70_000)
    of(site).fetch(tmp_path / "file.pth")
    assert (tmp_path / "file.pth").read_bytes() == DATA
    assert site.asked == ["", *(f"bytes={70_000 * number}-" for number in range(1, 5))]


def test_the_same_command_goes_on(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    path = tmp_path / "file.pth"

    def cut_once(handler: Handler) -> None:
        site.behaviours["/file.pth"] = lambda handler: handler.send_error(503)
        serving.serve(handler, most=100_000)

    site.behaviours["/file.pth"] = cut_once
    with pytest.raises(
        SkipwiseError, match=r"can't be downloaded \(HTTP Error 503.*the same command again, which goes"
    ):
        of(site).fetch(path)
    assert not path.exists()
    site.behaviours.clear()
    of(site).fetch(path)
    assert path.read_bytes() == DATA
    assert site.asked[-1] == "bytes=100000-"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("honest", [True, False], ids=["If-Range is heeded", "If-Range is not heeded"])
def test_a_file_that_changed_is_not_glued_to_what_it_was(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, honest: bool
) -> None:
    quick(monkeypatch)
    monkeypatch.setattr(download, "ATTEMPTS", 3)
    fresh = bytes(reversed(DATA))

    def change(handler: Handler) -> None:
        serving.serve(handler, most=100_000)
        site.files["/file.pth"] = fresh
        site.behaviours["/file.pth"] = lambda handler: serving.serve(handler, honest=honest)

    site.behaviours["/file.pth"] = change
    replace(of(site), sha256="").fetch(tmp_path / "file.pth")
    assert (tmp_path / "file.pth").read_bytes() == fresh


def test_a_part_that_was_damaged_is_thrown_away(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    path = tmp_path / "file.pth"

    def cut(handler: Handler) -> None:
        serving.serve(handler, most=100_000)
        site.behaviours["/file.pth"] = lambda handler: handler.send_error(503)

    site.behaviours["/file.pth"] = cut
    with pytest.raises(SkipwiseError):
        of(site).fetch(path)
    part = tmp_path / ".file.pth.download" / "part"
    damaged = bytearray(part.read_bytes())
    damaged[7] ^= 1
    part.write_bytes(damaged)
    site.behaviours.clear()
    of(site).fetch(path)
    assert path.read_bytes() == DATA
    assert site.asked[-2:] == ["bytes=100000-", ""]


@pytest.mark.parametrize("length", [300_000, 400_000])
def test_a_part_that_is_no_part_is_thrown_away(site: Site, tmp_path: Path, length: int) -> None:
    """It has as many bytes as the file or more, so that the server answers with 416."""
    path = tmp_path / "file.pth"
    folder = tmp_path / ".file.pth.download"
    folder.mkdir()
    (folder / "part").write_bytes(bytes(length))
    write_json(folder / "begun.json", {"url": of(site).url, "validator": serving.etag(DATA)})
    of(site).fetch(path)
    assert path.read_bytes() == DATA
    assert site.asked == [f"bytes={length}-", ""]


@pytest.mark.parametrize(
    ("behave", "sentence"),
    [
        (serving.redirected_to("http://localhost:1/file.pth"), "to which .* redirects, is not downloaded, since only"),
        (serving.redirected_to("file:///etc/passwd"), "(is not downloaded|not allowed)"),
        (serving.redirected_to("ftp://localhost/file.pth"), "is not downloaded, since only https"),
        (serving.redirected_to("/file.pth"), "HTTP Error 302"),
        (serving.endless, "is not downloaded: it does not end, and it should have 1 MB at most"),
        (serving.declaring(10**12), "is not downloaded: it has 1 TB, and it should have 1 MB at most"),
        (serving.silent, r"can't be downloaded .*timed out"),
        (serving.slow, r"can't be downloaded .the server sends next to nothing"),
        (serving.headers_without_end, r"can't be downloaded .the server does not answer"),
        (lambda handler: handler.send_error(404), r"can't be downloaded \(HTTP Error 404: Not Found\); check the addr"),
        (lambda handler: handler.send_error(500), r"can't be downloaded \(HTTP Error 500"),
        (lambda handler: handler.wfile.write(b"\x00\x01 nonsense\r\n\r\n"), "can't be downloaded"),
    ],
    ids=["http", "file", "ftp", "loop", "endless", "too large", "silent", "slow", "headers", "404", "500", "nonsense"],
)  # fmt: skip
def test_what_a_server_does_wrong_is_a_sentence(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behave: Behaviour, sentence: str
) -> None:
    quick(monkeypatch)
    site.behaviours["/file.pth"] = behave
    began = time.monotonic()
    with pytest.raises(SkipwiseError, match=sentence):
        of(site).fetch(tmp_path / "file.pth")
    assert time.monotonic() - began < 20
    assert not (tmp_path / "file.pth").exists()


@pytest.mark.parametrize("error", [None, 404])
def test_an_answer_that_comes_too_late_is_closed(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: int | None
) -> None:
    closed = threading.Event()

    class Refusal(urllib.error.HTTPError):
        def close(self) -> None:
            closed.set()

    def opened(*_: object, **__: object) -> SimpleNamespace:
        time.sleep(0.3)
        if error is not None:
            raise Refusal(site.address, error, "Not Found", Message(), io.BytesIO())
        return SimpleNamespace(close=closed.set)

    monkeypatch.setattr(https, "PATIENCE", 0.1)
    monkeypatch.setattr(urllib.request.OpenerDirector, "open", opened)
    with pytest.raises(https.BrokenConnection, match="the server does not answer"):
        https.open_url(site.address, {})
    assert closed.wait(20)


def test_a_refused_redirect_leaves_no_connection_open(site: Site) -> None:
    site.behaviours["/file.pth"] = serving.redirected_to("http://localhost:1/file.pth")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(SkipwiseError, match="since only https"):
            https.open_url(f"{site.address}/file.pth", {})
        gc.collect()
    assert not [warning.message for warning in warned if warning.category is ResourceWarning]


def test_a_redirect_by_https_is_followed(site: Site, tmp_path: Path) -> None:
    site.behaviours["/file.pth"] = serving.redirected_to(f"{site.address}/elsewhere")
    site.files["/elsewhere"] = DATA
    of(site).fetch(tmp_path / "file.pth")
    assert (tmp_path / "file.pth").read_bytes() == DATA


def test_another_file_than_it_should_be_is_not_kept(site: Site, tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match="is not the file that it should be: its SHA-256 does not begin with"):
        of(site, b"another").fetch(tmp_path / "file.pth")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["http://localhost:1/file.pth", "file:///etc/passwd", "ftp://localhost/file"])
def test_nothing_but_https_is_asked_for(tmp_path: Path, address: str) -> None:
    with pytest.raises(SkipwiseError, match="is not downloaded, since only https"):
        Download(url=address, sha256="", most=10**6, mend="").fetch(tmp_path / "file.pth")
    assert not list(tmp_path.iterdir())


def test_a_certificate_that_nobody_vouches_for_is_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SkipwiseError, match=r"certificate can't be verified .*; where your network has one of its own"):
        of(site).fetch(tmp_path / "file.pth")
    assert not site.asked


def test_a_download_that_was_killed_at_its_very_end_is_not_done_again(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / ".file.pth.download"
    folder.mkdir()
    (folder / "part").write_bytes(DATA)
    of(site).fetch(tmp_path / "file.pth")
    assert (tmp_path / "file.pth").read_bytes() == DATA
    assert not site.asked


FETCH = """
import sys
from pathlib import Path
from skipwise.core.download.download import Download
Download(url=sys.argv[1], sha256=sys.argv[2], most=10**6, mend="").fetch(Path(sys.argv[3]))
"""


def test_two_processes_download_once(site: Site, tmp_path: Path) -> None:
    file = of(site)
    arguments = [sys.executable, "-c", FETCH, file.url, file.sha256, str(tmp_path / "file.pth")]
    both = [subprocess.Popen(arguments) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (tmp_path / "file.pth").read_bytes() == DATA
    assert site.asked == [""]
    assert list(tmp_path.iterdir()) == [tmp_path / "file.pth"]
