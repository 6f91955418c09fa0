"""Picture formats, by the suffixes and first bytes of files: supported, supported with an extra, or unsupported."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable
from typing import Literal

Support = Literal["read", "extra", "unread"]
"""Whether a format is read, read if an extra is installed, or not read."""

_READ = (
    *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "avif", "gif", "bmp", "dib", "tif", "tiff"),
    *("jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "pgm", "ppm", "pbm", "pnm", "pfm", "tga"),
)
_EXTRA = ("heic", "heif", "hif")
_UNREAD = (
    *("jxl", "jxr", "wdp", "hdp", "psd", "psb", "xcf", "kra", "svg", "svgz", "ai", "eps", "wmf", "emf", "cdr"),
    *("cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "dng", "orf", "rw2", "rwl", "raf", "pef", "srw", "x3f"),
    *("3fr", "fff", "iiq", "dcr", "kdc", "mrw", "mef", "mos", "raw"),
    *("dcm", "dicom", "nii", "mha", "mhd", "nrrd", "czi", "lif", "nd2", "oib", "oif", "svs", "ndpi", "mrxs", "vsi"),
    *("exr", "hdr", "pic", "dpx", "cin", "fits", "fit", "fts", "ico", "icns", "cur", "ani", "pcx", "dcx", "dds"),
    *("sgi", "rgb", "bw", "ras", "xbm", "xpm", "qoi", "farbfeld", "flif", "bpg", "ktx", "ktx2", "pict", "djvu"),
)
_BY_SUFFIX: dict[str, Support] = {
    **{f".{name}": "read" for name in _READ},
    **{f".{name}": "extra" for name in _EXTRA},
    **{f".{name}": "unread" for name in _UNREAD},
}

IMAGE_SUFFIXES = frozenset(suffix for suffix, support in _BY_SUFFIX.items() if support != "unread")
"""Suffixes of files that are read as images. If a format needs an extra, the error names it when a file is read."""

INSTALL_FORMATS = "pip install 'skipwise[formats]'"
HEIC = "HEIC"


@functools.cache
def has_heif() -> bool:
    """Returns whether the package for HEIC is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def is_picture(suffix: str) -> bool:
    """Returns whether files with a lower-case suffix are pictures, supported or not."""
    return suffix in _BY_SUFFIX


def is_readable(suffix: str) -> bool:
    """Returns whether pictures with a lower-case suffix can be read here."""
    kind = _BY_SUFFIX.get(suffix)
    return kind == "read" or (kind == "extra" and has_heif())


def mend_for(suffixes: Iterable[str]) -> str:
    """Returns what to do about pictures with these suffixes, which cannot be read here."""
    if all(_BY_SUFFIX.get(each) == "extra" for each in suffixes):
        return f"install the package that reads them: {INSTALL_FORMATS}"
    return "convert them to JPEG or PNG"


def is_read(name: str) -> bool:
    """Returns whether a format, as `name_format` names it, is supported, if need be with an extra."""
    return name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "JPEG 2000", "WebP", "AVIF", HEIC)


def name_format(data: bytes) -> str:
    """The name of the format whose signature the bytes begin with; "" if it is unknown."""
    for start, name in _SIGNATURES:
        if data.startswith(start):
            return name
    if data[4:8] == b"ftyp":
        brands = data[8:64]
        if any(brand in brands for brand in (b"avif", b"avis")):
            return "AVIF"
        if any(brand in brands for brand in _HEIF_BRANDS):
            return HEIC
        return "Canon raw (CR3)" if b"crx " in brands else ""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    return "DICOM" if data[128:132] == b"DICM" else ""


_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"II\xbc", "JPEG XR"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"%!PS", "PostScript"),
    (b"%PDF", "PDF"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"SIMPLE  =", "FITS"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"FUJIFILMCCD-RAW", "Fuji raw (RAF)"),
    (b"IIRO", "Olympus raw (ORF)"),
    (b"IIU\0", "Panasonic raw (RW2)"),
    (b"\0\0\1\0", "ICO"),
    (b"<svg", "SVG"),
    (b"<!DOCTYPE html", "HTML"),
    (b"<html", "HTML"),
    (b"PK\3\4", "zip archive"),
)
"""The first bytes of formats. Raw files of cameras that begin like a TIFF count as TIFF."""
