"""File formats that hold images but are not supported, by their suffixes, with what to do instead."""

from __future__ import annotations

from skipwise.data.names import printable, suffix

_CONVERT = "save its images as .npz arrays (images and labels), or as image files in a folder per class"
_FRAMES = "extract frames into a folder per class"
_UNPACK = "unpack it and give the folder"
_PICKLE = "a Python pickle (reading one can run code)"
_FOREIGN = {
    ".tfrecord": ("a TFRecord file", _CONVERT),
    ".tfrec": ("a TFRecord file", _CONVERT),
    ".mdb": ("an LMDB database", _CONVERT),
    ".lmdb": ("an LMDB database", _CONVERT),
    ".h5": ("an HDF5 file", _CONVERT),
    ".hdf5": ("an HDF5 file", _CONVERT),
    ".pkl": (_PICKLE, _CONVERT),
    ".pickle": (_PICKLE, _CONVERT),
    ".pt": ("a PyTorch file", _CONVERT),
    ".pth": ("a PyTorch file", _CONVERT),
    ".rec": ("an MXNet record file", _CONVERT),
    ".beton": ("an FFCV file", _CONVERT),
    ".arrow": ("an Arrow file", "save the set with to_parquet, or as image files in a folder per class"),
    ".mp4": ("a video", _FRAMES),
    ".avi": ("a video", _FRAMES),
    ".mov": ("a video", _FRAMES),
    ".mkv": ("a video", _FRAMES),
    ".webm": ("a video", _FRAMES),
    ".nii": ("a NIfTI volume", "export its slices as PNG into a folder per class"),
    ".rar": ("a RAR archive", _UNPACK),
    ".7z": ("a 7-Zip archive", _UNPACK),
    ".zst": ("a Zstandard archive", _UNPACK),
    ".pdf": ("a PDF", "export its pictures into a folder per class"),
}


def foreign_sentence(file: str, where: str = "") -> str | None:
    """A sentence that says why a file is not read, and what to do; None for files of other kinds.

    Args:
        file: the name of the file.
        where: the name of the data set that the file is in, or "" for a file by itself.
    """
    base = file.removesuffix(".gz")
    name = base.rpartition("/")[2]
    for kind, (what, mend) in _FOREIGN.items():
        if suffix(base) == kind or f"{kind}-" in name:  # shards are numbered: "train.tfrecord-00000-of-00010"
            if where:
                return f"{where} holds no supported images, but {what} ({printable(file)}); {mend}."
            return f"{printable(file)} is {what}, which is not supported; {mend}."
    return None
