"""MATLAB files -> their arrays by name."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from typing import Any, Literal

from skipwise.data.names import printable
from skipwise.data.sources.limits import LARGEST_ARRAYS, check_size
from skipwise.errors import SkipwiseError, reason_of

_COMPRESSED = 15
"""How a MATLAB file marks a compressed part."""


def load_matlab(name: str, data: bytes, *, squeeze: bool = False) -> Mapping[str, Any]:
    """The arrays in a MATLAB file, and what begins with two underscores.

    Args:
        squeeze: whether axes of one are dropped.

    Raises:
        SkipwiseError: it is damaged, of version 7.3, or unpacks to more than arrays may have.
    """
    from scipy.io import loadmat

    try:
        _check_unpacked(name, data)
        content: Mapping[str, Any] = loadmat(io.BytesIO(data), squeeze_me=squeeze)
    except SkipwiseError:
        raise
    except NotImplementedError as error:  # version 7.3 is HDF5
        raise SkipwiseError(f"{printable(name)} is in MATLAB's version 7.3; save it with -v7.") from error
    except Exception as error:  # scipy's reader raises whatever damaged bytes make its parts raise
        raise SkipwiseError(f"{printable(name)} is damaged ({reason_of(error)}); fetch it again.") from error
    return content


def _check_unpacked(name: str, data: bytes) -> None:
    """Raises SkipwiseError where compressed parts unpack to more than arrays may have."""
    order: Literal["little", "big"] = "big" if data[126:128] == b"MI" else "little"
    place, size = 128, 0
    while place + 8 <= len(data):
        kind, length = (int.from_bytes(data[start : start + 4], order) for start in (place, place + 4))
        packed = data[place + 8 : place + 8 + length]
        unpacker = zlib.decompressobj()
        while kind == _COMPRESSED and packed and not unpacker.eof:
            size += len(unpacker.decompress(packed, 2**24))
            check_size(name, size, LARGEST_ARRAYS)
            packed = unpacker.unconsumed_tail
        place += 8 + length
