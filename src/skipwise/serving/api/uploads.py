"""The images in the body of a request: raw, as a form with files, or as JSON with base64. Their types are not believed:
what an image is, its bytes say."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from skipwise.core.files.json_limits import memory_of_structure
from skipwise.serving.connections.problems import Problem

T = TypeVar("T")

_MOST_STRUCTURE = 2**26
"""Bytes of memory that the structure of a request in JSON may take."""
_MOST_FIELDS = 20
"""Empty fields that a form may have besides its files."""
_FORM, _JSON = b"multipart/form-data", b"application/json"


@dataclass(frozen=True)
class Upload:
    """An encoded image.

    Args:
        name: what the client calls it; None where it does not say.
        content: its bytes.
    """

    name: str | None
    content: bytes


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    images: list[str]


def is_parsed(content_type: str) -> bool:
    """Returns whether a body of that type has to be parsed, which may take a while; others are an image as they are."""
    return parse_options_header(content_type)[0] in (_FORM, _JSON)


def uploads(body: bytes, content_type: str, most: int) -> list[Upload]:
    """The images of a body.

    Args:
        content_type: the header of that name; only forms and JSON are looked at.
        most: the most images.

    Raises:
        Problem: the body is not what the header says, has no image or too many.
    """
    kind, options = parse_options_header(content_type)
    if kind == _FORM:
        found = _form(body, options.get(b"boundary", b""), most)
    elif kind == _JSON:
        found = _json(body)
    else:
        found = [Upload(None, body)] if body else []
    if not found:
        raise Problem(400, "The request holds no image; send its bytes as the body, or as files of a form.")
    if len(found) > most:
        raise _too_many(most)
    return found


def _too_many(most: int) -> Problem:
    return Problem(413, f"The request holds more than {most:,} images; send fewer at a time.")


def _json(body: bytes) -> list[Upload]:
    mend = 'send {"images": ["..."]} with each image as base64'
    try:
        read = decoded_json(body, _Json)
        return [Upload(None, base64.b64decode(each, validate=True)) for each in read.images]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        what = "an image is not base64" if isinstance(error, binascii.Error) else str(error).rstrip(".")
        raise Problem(400, f"The JSON can't be read ({what}); {mend}.") from error


def decoded_json(body: bytes, kind: type[T]) -> T:
    """JSON of a client.

    Raises:
        msgspec.MsgspecError: it is not of that kind.
        ValueError: it would take too much memory, or is not UTF-8.
        RecursionError: it is nested too deeply.
    """
    if memory_of_structure(body) > _MOST_STRUCTURE:
        raise ValueError("it has too many values")
    return msgspec.json.decode(body, type=kind)


class _Form:
    """Collects the files of a form while it is parsed."""

    def __init__(self, most: int) -> None:
        self.files: list[Upload] = []
        self.complete = False
        self._most, self._fields = most, 0
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._content = bytearray()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_end": self._all,
        }

    def _begin(self) -> None:
        if len(self.files) >= self._most:
            raise _too_many(self._most)
        self._headers, self._content = {}, bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"filename")
        if name is not None:
            self.files.append(Upload(name.decode("utf-8", "replace") or None, bytes(self._content)))
        elif self._content:
            raise Problem(
                400, "A field of the form is no file; send images as files, as curl -F image=@photo.jpg does."
            )
        else:
            self._fields += 1
            if self._fields > _MOST_FIELDS:
                raise Problem(413, f"The form has more than {_MOST_FIELDS} empty fields; send files only.")

    def _all(self) -> None:
        self.complete = True


def _form(body: bytes, boundary: bytes, most: int) -> list[Upload]:
    if not boundary:
        raise Problem(400, "The header Content-Type of a form needs a boundary; leave the header to your HTTP library.")
    form = _Form(most)
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Problem(400, "The form can't be read; leave its making to your HTTP library.") from error
    if not form.complete:
        raise Problem(400, "The form breaks off before its end; send it again.")
    return form.files
