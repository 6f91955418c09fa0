"""Files of torchvision's data sets: found on disk, or downloaded by torchvision through our own downloader."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from skipwise.core.download.asked_for import check_asked_for
from skipwise.core.download.download import Download
from skipwise.core.errors import SkipwiseError, missing_extra
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.locks import locked
from skipwise.core.reporting import Progress
from skipwise.data.cache.files import MEND, is_sound, keep_sums, make_way

_ARCHIVES = (".bz2", ".gz", ".mat", ".tar", ".tgz", ".xz", ".zip")
LARGEST = 64 * 10**9
"""Bytes of a file, at most. The largest file of torchvision's data sets, in SUN397, has 37 GB."""


def open_parts(
    name: str, title: str, splits: Mapping[str, dict[str, Any]], progress: Progress | None = None
) -> dict[str, Any]:
    """The parts of a torchvision data set, from ./data or the cache; otherwise they are downloaded into the cache.

    Args:
        name: the name of torchvision's class.
        title: the name of the data set for messages.
        splits: the arguments for torchvision's class, by the name of the part.
        progress: called as progress(what, done, total).

    Raises:
        SkipwiseError: the data set cannot be downloaded.
    """
    try:
        from torchvision import datasets
    except ImportError as error:
        raise missing_extra("train", "torchvision") from error
    maker = getattr(datasets, name)
    root = cache_folder() / "datasets" / name

    def made(folder: Path, **how: bool) -> dict[str, Any]:
        return {split: maker(folder, **how, **arguments) for split, arguments in splits.items()}

    with contextlib.suppress(RuntimeError, OSError):  # torchvision raises these if files are missing or damaged
        return made(Path("data"))
    if is_sound(root, read=False):
        with contextlib.suppress(RuntimeError, OSError):
            parts = made(root)
            # Sets in memory are read completely anyway; image files are checked later, as those of any set.
            if is_sound(root, read=all(hasattr(part, "data") for part in parts.values())):
                return parts
    check_asked_for(title)
    lock = cache_folder() / "locks" / f"datasets-{name}"
    make_way(lock / ".lock")
    tell = progress or (lambda *_: None)
    with locked(lock, waiting=lambda: tell(f"Waiting for another Skipwise that downloads {title}", 0, 1)):
        if is_sound(root, read=True):  # another process downloaded it while this one waited
            return made(root)
        try:
            make_way(root / "file")
            _remove_unpacked(root)
            with _our_downloader(tell):
                fetched = {"download": True} if "download" in inspect.signature(maker.__init__).parameters else {}
                parts = made(root, **fetched)
        except SkipwiseError:
            raise
        except ModuleNotFoundError as error:
            raise SkipwiseError(f"torchvision needs {error.name} for {name}; run: pip install {error.name}") from error
        except Exception as error:  # torchvision's own errors, a full disk
            reason = str(error).strip().splitlines()[0].rstrip(".:") if str(error).strip() else type(error).__name__
            raise SkipwiseError(
                f"{title} can't be downloaded ({reason}); check the connection, or put torchvision's files for it into "
                "./data."
            ) from error
        keep_sums(root)
    return parts


def _remove_unpacked(root: Path) -> None:
    """Removes all files but archives. torchvision checks the archives, but not what was unpacked from them."""
    for path in root.rglob("*"):
        arriving = any(part.endswith(".download") for part in path.relative_to(root).parts)
        if path.is_file() and path.suffix not in _ARCHIVES and not arriving:
            path.unlink()


@contextlib.contextmanager
def _our_downloader(progress: Progress) -> Iterator[None]:
    """Makes torchvision download through `Download` for a while.

    torchvision itself would follow any redirect, even to HTTP. It still checks the MD5 of what arrives.
    """
    from torchvision.datasets import utils

    def retrieve(url: str, filename: str | Path, *_: object) -> None:
        path = Path(filename)
        path.unlink(missing_ok=True)  # torchvision found that it is damaged
        Download(url=_by_https(url), sha256="", most=LARGEST, mend=MEND).fetch(path, progress)

    theirs = utils._urlretrieve, utils._get_redirect_url
    utils._urlretrieve, utils._get_redirect_url = retrieve, lambda url, **_: url
    try:
        yield
    finally:
        utils._urlretrieve, utils._get_redirect_url = theirs


def _by_https(url: str) -> str:
    """An HTTP address as HTTPS. Websites on Amazon S3 have another host name for that."""
    address = url.split("://", 1)[1] if url.startswith("http://") else ""
    host, slash, path = address.partition("/")
    return f"https://{host.replace('.s3-website.', '.s3.')}{slash}{path}" if address else url
