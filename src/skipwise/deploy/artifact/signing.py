"""Signatures of artifacts in minisign's format (Ed25519).

The signature is of artifact.json, which has the hashes of all other files, and lies beside it. `minisign -G` makes the
keys, and `minisign -V` checks a signature that was made here. The library cryptography does the computing.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from skipwise.core.errors import SkipwiseError, missing_extra, reason_of
from skipwise.core.files.atomic import write_text
from skipwise.core.files.regular import open_regular, read_regular

SIGNED = "artifact.json"
SIGNATURE = "artifact.json.minisig"

_KEY, _PREHASHED = b"Ed", b"ED"
_SCRYPT, _PLAIN, _BLAKE2B = b"Sc", b"\0\0", b"B2"
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
_LARGEST = 2**14
"""The largest key or signature that is read, in bytes; each has a few hundred."""


@dataclass(frozen=True)
class SecretKey:
    """A secret key.

    Args:
        name: the key's identifier, eight bytes.
        seed: the seed of the Ed25519 key, 32 bytes.
        file: the file that it was read from.
    """

    name: bytes
    seed: bytes
    file: Path

    @property
    def public(self) -> PublicKey:
        """The public key that checks its signatures."""
        return PublicKey(self.name, self._key().public_key().public_bytes_raw(), self.file)

    def sign(self, folder: Path) -> None:
        """Writes the signature of an artifact into its folder.

        Raises:
            SkipwiseError: it can't be written.
        """
        key = self._key()
        signature = key.sign(_hash(folder))
        comment = f"timestamp:{int(time.time())}\tfile:{SIGNED}\thashed"
        lines = (
            f"{_UNTRUSTED}signature of a network that skipwise exported",
            _base64(_PREHASHED + self.name + signature),
            f"{_TRUSTED}{comment}",
            _base64(key.sign(signature + comment.encode())),
        )
        write_text(folder / SIGNATURE, "".join(f"{line}\n" for line in lines))

    def _key(self) -> Any:
        return _ed25519().Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True)
class PublicKey:
    """A public key.

    Args:
        name: the key's identifier, eight bytes.
        key: the Ed25519 key, 32 bytes.
        file: the file that it was read from.
    """

    name: bytes
    key: bytes
    file: Path

    @property
    def id(self) -> str:
        """The identifier as minisign shows it."""
        return self.name[::-1].hex().upper()

    def check(self, folder: Path) -> None:
        """Checks that this key signed the artifact in a folder as it is now.

        Raises:
            SkipwiseError: it is not signed, another key signed it, or it was changed after it was signed.
        """
        path = folder / SIGNATURE
        if not path.exists():
            raise SkipwiseError(f"{folder} is not signed: there is no {SIGNATURE} in it.")
        lines = _lines(path, 4)
        body = _unbase64(lines[1], path)
        if body[:2] != _PREHASHED or len(body) != 74 or not lines[2].startswith(_TRUSTED):
            raise SkipwiseError(
                f"{path} is not a minisign signature that Skipwise can check; sign the artifact again with a current "
                "version of minisign."
            )
        name, signature, comment = body[2:10], body[10:], lines[2].removeprefix(_TRUSTED)
        if name != self.name:
            raise SkipwiseError(
                f"{folder} is signed by the key {name[::-1].hex().upper()}, not by {self.id}, which is in {self.file}."
            )
        from cryptography.exceptions import InvalidSignature

        try:
            key = _ed25519().Ed25519PublicKey.from_public_bytes(self.key)
            key.verify(signature, _hash(folder))
            key.verify(_unbase64(lines[3], path), signature + comment.encode())
        except InvalidSignature as error:
            raise SkipwiseError(
                f"{folder} is not what the key {self.id} signed: {SIGNED} or its signature was changed since."
            ) from error


def read_secret_key(path: Path) -> SecretKey:
    """Reads a secret key that `minisign -G` wrote.

    Its password is taken from the variable MINISIGN_PASSWORD, or asked for on a terminal.

    Raises:
        SkipwiseError: the file is no such key, the password is wrong or can't be asked for, or cryptography is not
            installed.
    """
    _ed25519()
    content = _unbase64(_lines(path, 2)[1], path)
    if len(content) != 158 or content[:2] != _KEY or content[4:6] != _BLAKE2B:
        raise SkipwiseError(f"{path} is not a secret key of minisign; 'minisign -G' makes one.")
    derived_by, salt, hidden = content[2:4], content[6:38], content[54:]
    if derived_by == _PLAIN:
        return SecretKey(hidden[:8], hidden[8:40], path)
    if derived_by != _SCRYPT:
        raise SkipwiseError(f"{path} is protected in a way that Skipwise does not know; make a key with 'minisign -G'.")
    operations, memory = (int.from_bytes(content[start : start + 8], "little") for start in (38, 46))
    stream = _stretched(_password(path), salt, operations, memory, len(hidden), path)
    plain = bytes(some ^ other for some, other in zip(hidden, stream, strict=True))
    if hashlib.blake2b(_KEY + plain[:72], digest_size=32).digest() != plain[72:]:
        raise SkipwiseError(f"This password does not open {path}.")
    return SecretKey(plain[:8], plain[8:40], path)


def read_public_key(path: Path) -> PublicKey:
    """Reads a public key that `minisign -G` wrote.

    Raises:
        SkipwiseError: the file is no such key, or cryptography is not installed.
    """
    _ed25519()
    content = _unbase64(_lines(path, 2)[1], path)
    if len(content) != 42 or content[:2] != _KEY:
        raise SkipwiseError(f"{path} is not a public key of minisign; give the file that ends in .pub.")
    return PublicKey(content[2:10], content[10:], path)


def _ed25519() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise missing_extra("sign", "cryptography") from None
    return ed25519


def _hash(folder: Path) -> bytes:
    path = folder / SIGNED
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, hashlib.blake2b).digest()
    except OSError as error:
        raise SkipwiseError(f"{path} can't be read ({reason_of(error)}).") from error


def _password(path: Path) -> bytes:
    given = os.environ.get("MINISIGN_PASSWORD")
    if given is None and sys.stdin is not None and sys.stdin.isatty():
        given = getpass.getpass(f"Password of {path}: ")
    if given is None:
        raise SkipwiseError(
            f"{path} has a password, and there is no terminal to ask for it; set MINISIGN_PASSWORD, or make a key "
            "without one: minisign -G -W"
        )
    return given.encode()


def _stretched(password: bytes, salt: bytes, operations: int, memory: int, length: int, path: Path) -> bytes:
    """The key that scrypt derives from a password, with the parameters that libsodium chooses for these limits."""
    operations = max(operations, 32768)
    if operations < memory // 32:
        most, lanes = operations // 32, 1
    else:
        most, lanes = memory // 1024, 0
    power = 1
    while 2**power <= most // 2 and power < 63:
        power += 1
    lanes = lanes or max(1, operations // 4 // 2**power // 8)
    try:
        return hashlib.scrypt(password, salt=salt, n=2**power, r=8, p=lanes, maxmem=2**31 - 1, dklen=length)
    except (ValueError, OverflowError, MemoryError) as error:
        raise SkipwiseError(
            f"To open {path} takes a gigabyte of memory or more, as minisign made it ({error}); free some, or make a "
            "key without a password: minisign -G -W"
        ) from error


def _lines(path: Path, count: int) -> list[str]:
    """The lines of a key or a signature, of which there must be at least `count`."""
    try:
        lines = [line.rstrip("\r") for line in read_regular(path, _LARGEST).decode().split("\n")]
    except FileNotFoundError as error:
        raise SkipwiseError(f"There is no file {path}; give the file of a key, as 'minisign -G' makes it.") from error
    except OSError as error:
        raise SkipwiseError(f"{path} can't be read ({reason_of(error)}).") from error
    except UnicodeDecodeError:
        lines = []
    if len(lines) < count or not lines[0].startswith(_UNTRUSTED):
        raise SkipwiseError(f"{path} is not a file of minisign.")
    return lines


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _unbase64(text: str, path: Path) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SkipwiseError(f"{path} is not a file of minisign.") from error
