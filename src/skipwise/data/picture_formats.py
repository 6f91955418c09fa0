"""Which files are pictures by their suffix, and which of those are read."""

from __future__ import annotations

READ = frozenset(
    """
    .jpg .jpeg .jpe .jfif .png .apng .webp .bmp .dib .gif .tif .tiff .avif .jp2 .j2k .pgm .ppm .pbm .pnm .tga
""".split()
)
UNREAD = frozenset(
    """
    .heic .heif .jxl .psd .svg .cr2 .cr3 .nef .arw .dng .orf .rw2 .raf .dcm .eps .ico .pcx .exr .hdr
""".split()
)


def is_readable(suffix: str) -> bool:
    return suffix in READ


def is_picture(suffix: str) -> bool:
    return suffix in READ or suffix in UNREAD


def mend_for(suffixes: set[str]) -> str:
    if suffixes <= {".heic", ".heif"}:
        return "install what reads them with: pip install 'skipwise[formats]'"
    return "convert them to JPEG or PNG"
