"""The X of `fit` and `predict`: arrays of images, rows of pixels, or paths of image files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SIDE = 2
"""The fewest pixels a side of an image; less is a list of numbers with too many brackets."""
MANY = (
    "images [N, height, width], [N, height, width, channels] with 1 or 3 channels, or rows of square images [N, pixels]"
)


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The values of an array that count as black and as white. They are found in `fit`, and `predict` goes by them.

    Args:
        black, white: the two values.
        exact: whether the pixels are bytes, which are taken as they are.
    """

    black: float = 0.0
    white: float = 255.0
    exact: bool = True

    @classmethod
    def of(cls, values: NDArray[Any]) -> Levels:
        """The levels of the images in an array: bytes as they are, else 0 to 1 or 0 to 255 where all values lie in
        there, else from the lowest value to the highest."""
        if values.dtype == np.uint8:
            return cls()
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            return cls(white=1.0, exact=False)
        if low >= 0 and high <= 255 and values.dtype.kind in "iu":
            return cls(exact=False)
        return cls(black=low, white=high if high > low else low + 1, exact=False)

    def pixels(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """The images as bytes. What lies beyond black or white is cut off.

        Raises:
            ValueError: the values seem to be in another unit than those of `fit`.
        """
        if self.exact and values.dtype == np.uint8:
            return np.ascontiguousarray(values)
        self._check(values)
        shares = (values.astype(np.float64) - self.black) / (self.white - self.black)
        return np.rint(255 * shares.clip(0, 1)).astype(np.uint8)

    def _check(self, values: NDArray[Any]) -> None:
        if not values.size:
            return
        high = float(values.max())
        if (self.black, self.white) == (0.0, 1.0) and high > 2:
            raise ValueError(f"X has values up to {high:g}, and in fit they were from 0 to 1; scale them alike.")
        if self.exact and values.dtype.kind == "f" and 0 < high <= 1:
            raise ValueError(
                f"X has values up to {high:g}, and in fit they were bytes from 0 to 255; scale them alike."
            )


def are_paths(X: Any) -> bool:
    """Returns whether X is a sequence of paths rather than of pixels."""
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OU":
        return False
    if isinstance(X, str | os.PathLike) or not hasattr(X, "__len__") or getattr(X, "ndim", 1) != 1 or len(X) == 0:
        return False
    return all(isinstance(each, str | os.PathLike) for each in X)


def as_array(X: Any) -> Any:
    """X as something with dimensions: arrays and data frames as they are, lists as arrays.

    Raises:
        ValueError: it is text, or images of several shapes.
    """
    if isinstance(X, str | os.PathLike):
        raise ValueError(f"X is the path {os.fspath(X)!r}; give a list of paths, one for each image.")
    if hasattr(X, "ndim"):
        return X
    try:
        values = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            "X has images of several shapes; resize them to one, or give the paths of their files."
        ) from error
    if values.ndim == 1 and values.dtype.kind in "OU" and len(values):
        raise ValueError(f"X is neither numbers nor paths throughout; give {MANY}, or paths of image files.")
    return values


def as_images(values: NDArray[Any]) -> NDArray[Any]:
    """An array as images [N, height, width, channels].

    Raises:
        ValueError: its shape is not that of images.
    """
    shape = values.shape
    if values.ndim == 2:
        for channels in (1, 3):
            side = round((shape[1] / channels) ** 0.5)
            if side and channels * side * side == shape[1]:
                return values.reshape(-1, side, side, channels)
        raise ValueError(
            f"X has rows of {shape[1]} values, which make no square image, grey or of three colours; give {MANY}."
        )
    if values.ndim == 3:
        values = values[..., None]
    elif values.ndim == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        values = values.transpose(0, 2, 3, 1)
    if values.ndim != 4 or values.shape[3] not in (1, 3):
        raise ValueError(f"X has the shape {shape}; give {MANY}, or paths of image files.")
    if min(values.shape[1:3]) < LEAST_SIDE:
        height, width = values.shape[1:3]
        raise ValueError(f"X has the shape {shape}, which would be images of {height} x {width} pixels; give {MANY}.")
    return values


def row_lengths(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The lengths of rows that are images like those of `fit`: grey, and of three colours.

    Args:
        shape: of the images of `fit`, [N, height, width, channels].
    """
    height, width = shape[1:3]
    return (height * width, 3 * height * width) if height == width else ()


def check_row_length(length: int, taken: tuple[int, ...]) -> None:
    """Checks rows of pixels where `fit` was given something else.

    Args:
        length: of the rows.
        taken: the lengths of rows that are images like those of `fit`; () for none.

    Raises:
        ValueError: the rows are no such images.
    """
    if length in taken:
        return
    if not taken:
        raise ValueError(
            f"X has rows of {length} values, and fit was given no rows; give images [N, height, width], or paths."
        )
    side = round(taken[0] ** 0.5)
    raise ValueError(
        f"X has rows of {length} values, and in fit it had images of {side} x {side} pixels; give images, or rows of "
        f"{taken[0]} values."
    )
