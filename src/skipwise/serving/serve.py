"""Serves networks: opens them, listens, and answers until it is asked to end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator

from skipwise.core.errors import require
from skipwise.core.signatures import takes
from skipwise.data.image.limits import VARIABLE, most_pixels
from skipwise.serving.listening import Listening, Told
from skipwise.serving.options import ServeOptions

PACKAGES = ("starlette", "uvicorn", "httptools", "prometheus_client", "python_multipart")


@takes(ServeOptions)
def serve(
    artifacts: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    options: ServeOptions,
    progress: Callable[[str, int, int], None] | None = None,
    began: Callable[[Listening], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> None:
    """Serves exported networks until SIGTERM or SIGINT: a page to try them, and an API. It needs no PyTorch.

    Args:
        artifacts (str | Path | Iterable[str | Path]): the folder of an exported network, or one of its versions called
            1, 2 and so on; or NAME=PATH; one or several. Requests that name none are answered by the first.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None] | None): called with each sentence that whoever runs the server should read, in
            any thread; None by default.
        began (Callable[[Listening], None] | None): called when requests are taken; None by default.

    Returns:
        Nothing, once the server has ended: it answers until then.

    Raises:
        SkipwiseError: a folder holds no network or a damaged one, an option is out of range, or the address can't be
            listened at.

    Example:
        >>> import skipwise
        >>> skipwise.serve("runs/export/images-onnx-fp32", port=8080)  # doctest: +SKIP
    """
    for package in PACKAGES:
        require(package, extra="serve")
    from skipwise.serving.connections.deadline import take_time
    from skipwise.serving.run import run
    from skipwise.serving.settings import checked

    token = checked(options)
    given = [artifacts] if isinstance(artifacts, str | os.PathLike) else artifacts
    told = Told(progress or (lambda *_: None), began or (lambda _: None), _unheard(notice or (lambda _: None)))
    with _most_pixels(options.limits.max_pixels):
        try:
            run([os.fspath(each) for each in given], options, token, told)
        finally:
            take_time()


def _unheard(notice: Callable[[str], None]) -> Callable[[str], None]:
    """The same, but that nobody may read it: a thread that answers must not end because standard error is closed."""

    def tell(sentence: str) -> None:
        with contextlib.suppress(OSError):
            notice(sentence)

    return tell


@contextlib.contextmanager
def _most_pixels(number: int) -> Iterator[None]:
    """Decoders go by the environment; what is there holds where it is stricter.

    Raises:
        SkipwiseError: what is there is not a number of pixels.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(number if before is None else min(number, most_pixels()))
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
