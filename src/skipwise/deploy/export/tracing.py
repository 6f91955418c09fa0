"""Errors of torch.export and torch.onnx as sentences."""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Iterator

from skipwise.core.errors import SkipwiseError


@contextlib.contextmanager
def tracing(model: str) -> Iterator[None]:
    """Says in a sentence why a network of somebody else's can't be brought into a file, and where in its code."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # torch prints the whole network before it raises
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except (SkipwiseError, OSError, MemoryError):
        raise
    except Exception as error:  # torch.export and torch.onnx have dozens
        places = re.findall(r'File "([^"]+)", line (\d+)', str(error))
        where = f" at line {places[-1][1]} of {places[-1][0]}" if places else ""
        raise SkipwiseError(
            f"{model} can't be brought into a file: torch.export can't follow its code{where} "
            f"({type(error).__name__}). Nothing may depend on the values in an image but by tensors (no if, while or "
            ".item()), and all of it must be torch's. Change that, or predict from the run itself."
        ) from error
    finally:
        logging.disable(before)
