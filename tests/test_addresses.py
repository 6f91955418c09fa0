"""Addresses, and what is secret in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipwise.core import addresses
from skipwise.core.addresses import (
    KNOWN,
    concealed,
    is_address,
    normal,
    redacted,
    redacted_text,
    revealed,
    without_secrets,
)
from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.kinds import KINDS
from skipwise.core.text import command

TOKEN = "tok_" + "Ab12" * 9
SIGNED = "https://b.s3.amazonaws.com/pets.zip?X-Amz-Algorithm=AWS4&X-Amz-Signature=0f3c&X-Amz-Expires=60"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_whole", {})


def test_every_scheme_has_one_kind() -> None:
    assert sorted(KNOWN) == sorted(scheme for kind in KINDS for scheme in kind.schemes)


@pytest.mark.parametrize("given_", ["s3://b/k", "S3://b/k", "s3:/b/k", "foo://x", "http://h", "hf://datasets/a/b"])
def test_addresses(given_: str) -> None:
    assert is_address(given_)
    assert is_address(Path(given_)) == (given_ != "foo://x")  # a path keeps one stroke of two


@pytest.mark.parametrize(
    "given_", ["digits", "hf:owner/name", "C:/pets", "C://pets", "a/b:c", "", "backgrounds:s3://b"]
)
def test_no_addresses(given_: str) -> None:
    assert not is_address(given_)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://b/k?", "s3://b/k?"),
        ("s3://b/a#1.jpg", "s3://b/a#1.jpg"),
        ("https://h/x.zip?id=5&part=2", "https://h/x.zip?id=5&part=2"),
        ("https://me:pass@h:80/x.zip", "https://me@h:80/x.zip"),
        ("ssh://me:p%40ss@h/x", "ssh://me@h/x"),
        ("https://" + TOKEN + "@h/x.zip", "https://h/x.zip"),
        ("https://" + TOKEN + ":x-oauth-basic@h/x.zip", "https://h/x.zip"),
        ("https://ghp_Ab12:@h:80/x.zip", "https://h:80/x.zip"),
        (SIGNED, "https://b.s3.amazonaws.com/pets.zip"),
        ("https://a.blob.core.windows.net/c/x?sv=2024&sig=abc%3D&versionid=3", "https://a.blob.core.windows.net/c/x?versionid=3"),
        ("https://h/x?access_token=1", "https://h/x"),
        ("https://h/x?t=" + "Zx9" * 20, "https://h/x"),
        ("https://[h/x?sig=1", "https://[h/x"),
    ],
)  # fmt: skip
def test_what_is_secret_is_left_out(address: str, shown: str) -> None:
    assert redacted(address) == shown
    assert redacted(shown) == shown
    assert redacted_text(f"Can't read {address}; try again.") in (
        f"Can't read {shown}; try again.",
        f"Can't read {shown} try again.",  # a semicolon may belong to the address
    )
    assert concealed(address) == shown
    assert revealed(shown) == address


@given(st.text(min_size=8, alphabet=st.characters(codec="ascii", categories=["L", "N"])))
def test_no_error_says_a_password(password: str) -> None:
    secret = f"kept{password}"
    text = str(SkipwiseError(f"It failed: https://me:{secret}@h/x?X-Amz-Signature={secret} (s3:/k:{secret}@b/x)."))
    assert secret not in text


def test_the_same_file_signed_again_is_the_same() -> None:
    again = SIGNED.replace("0f3c", "77aa")
    assert concealed(SIGNED) == concealed(again)
    assert revealed(concealed(again)) == again


def test_addresses_that_differ_only_in_a_key_are_not_taken_for_each_other() -> None:
    concealed("https://h/get?token=1")
    with pytest.raises(ValueError, match="https://h/get"):
        concealed("https://h/get?token=2")


def test_arguments_lose_their_secrets() -> None:
    words = ["predict", "out", "pets=https://me:pw@h/x", "--output=a", "ssh://me:pw@h/y", Path("s3:/b/k"), 3, None]
    assert without_secrets(words) == [
        "predict", "out", "pets=https://me@h/x", "--output=a", "ssh://me@h/y", Path("s3:/b/k"), 3, None,
    ]  # fmt: skip


def test_a_command_has_whole_addresses() -> None:
    assert command("skipwise", "audit", Path(normal("s3://b/a b"))) == "skipwise audit 's3://b/a b'"
