"""Signed artifacts: by real keys, in minisign's format, and checked by minisign itself where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.signing import SIGNATURE, SecretKey, read_public_key, read_secret_key
from skipwise.deploy.export.export import Exported, export
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.verify.verify import verify
from tests.conftest import Run, Shipped
from tests.resealing import CLASSES, SIZE, changed, reseal

# Made by minisign 0.11: a pair without a password, a signature of theirs, and a pair whose password is "secret".
PUBLIC = """untrusted comment: minisign public key C9B9FBBE468081E3
RWTjgYBGvvu5yShA8bu5+7j79QGWbLqy1AZigiYzynRnoGLDFdYdPB9v
"""
SECRET = """untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA44GARr77ucmMwvs5JkSDeM4yAN5jeBnsp+k9ZTbntE0Hiazakv4JbyhA8bu5+7j79QGWbLqy1AZigiYzynRnoGLDFdYdPB9vAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""
RECORD = b'{"version": 1}\n'
SIGNED = """untrusted comment: signature from minisign secret key
RUTjgYBGvvu5yTiWRfmDiZt7b3b2L/KgPqOgoc+AXRkJGBiwWsrQkFN1QUX004P6v/XilanAjKJwM0F5IJk1qLYXmuYMxjgISAE=
trusted comment: made by minisign 0.11
qpWXB3ptkax5pPHCfGItf52naXnTlQike12BydQyqdNsAky4r2eKL9aev4yUqoOvGdYBR1CtqzfVlCyUfAyZDA==
"""
PROTECTED = """untrusted comment: minisign encrypted secret key
RWRTY0IysCTuH4bbnau8I6yUParWa7B6FDzFZ/zvQhpjCQJcBl8AAAACAAAAAAAAAEAAAAAAcPgruUj/RgiIZBP3UUHeJc69HKWvxwu01gZC0c1mPQtctoFSEsY6NXvHsTeK4PHthZXp1uz3nitfxSs1E3pvPcamqv8ZbPM6Or05DlzOY12u3HapM0i/HOZ+RWKPAL3SWaeGXIvoWgE=
"""
PROTECTED_PUBLIC = """untrusted comment: minisign public key
RWS7GqO7mslZYVGo0JFicFhisvXD2l5EAl8/uSwEut9Ye8PYflcX+Vz3
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder of keys."""
    folder = tmp_path / "keys"
    folder.mkdir()
    for name, text in {
        "own.pub": PUBLIC,
        "own.key": SECRET,
        "protected.key": PROTECTED,
        "protected.pub": PROTECTED_PUBLIC,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def made(shipped: Shipped) -> Path:
    return shipped("onnx")


def test_what_minisign_signed_is_accepted(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "artifact.json").write_bytes(RECORD)
    (tmp_path / SIGNATURE).write_text(SIGNED, encoding="utf-8")
    key = read_public_key(keys / "own.pub")
    key.check(tmp_path)
    assert key.id == "C9B9FBBE468081E3"
    assert read_secret_key(keys / "own.key").public.key == key.key


def test_what_is_signed_here_is_accepted_by_minisign(made: Path, keys: Path, tmp_path: Path) -> None:
    if shutil.which("minisign") is None:
        pytest.skip("minisign is not installed")
    artifact = changed(made, tmp_path / "artifact")
    read_secret_key(keys / "own.key").sign(artifact)
    command = ["minisign", "-V", "-p", str(keys / "own.pub"), "-m", str(artifact / "artifact.json")]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    (artifact / "artifact.json").write_bytes(RECORD)
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 1


@pytest.mark.slow
def test_an_export_is_signed_and_verified_and_stays_so(cli: Run, made: Path, keys: Path, tmp_path: Path) -> None:
    weights, output = str(made.parent / "weights.pth"), str(tmp_path / "artifact")
    elsewhere = ["--model", "se_resnet18", "--width", "0.25", "--classes", ",".join(CLASSES), "--img-size", str(SIZE)]
    words = ["export", weights, *elsewhere, "-o", output, "--sign", str(keys / "own.key")]
    done = cli(*words)
    assert done.returncode == 0, done.stderr
    assert "It is signed by the key C9B9FBBE468081E3." in done.stderr
    signature = (tmp_path / "artifact" / SIGNATURE).read_bytes()
    assert cli(*words).returncode == 0
    assert (tmp_path / "artifact" / SIGNATURE).read_bytes() == signature
    checked = cli("verify", output, "--no-timing", "--json", "--public-key", str(keys / "own.pub"))
    assert checked.returncode == 0, checked.stderr
    certificate = json.loads(checked.stdout)["certificate"]
    assert certificate["signed_by"] == "C9B9FBBE468081E3"
    assert certificate["notes"] == ["It is signed by the key C9B9FBBE468081E3."]
    assert (
        "It has a signature that was not checked; give --public-key to check it."
        in cli("verify", output, "--no-timing").stdout
    )


def test_only_what_is_made_now_is_signed(made: Path, keys: Path, tmp_path: Path) -> None:
    elsewhere = ExternalWeights(model="se_resnet18", width=0.25, classes=CLASSES, img_size=SIZE)

    def again(output: Path) -> Exported:
        return export(made.parent / "weights.pth", **vars(elsewhere), output=output, sign=keys / "own.key")

    def content(artifact: Path) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in artifact.rglob("*") if path.is_file()}

    def refused(artifact: Path) -> None:
        before = content(artifact)
        with pytest.raises(
            SkipwiseError, match=r"was made before and has no valid signature of the key C9B9.*--output"
        ):
            again(artifact)
        assert content(artifact) == before

    refused(made)
    tampered = changed(made, tmp_path / "tampered")
    model = onnx.load(tampered / "model.onnx")
    model.producer_name = "somebody"
    (tampered / "model.onnx").write_bytes(model.SerializeToString())
    refused(reseal(tampered))
    signed = again(tmp_path / "signed")
    assert not signed.repeated
    assert verify(signed.folder, timing=False, public_key=keys / "own.pub").certificate.signed_by == "C9B9FBBE468081E3"
    before = content(signed.folder)
    assert again(signed.folder).repeated
    assert content(signed.folder) == before
    reseal(signed.folder, lambda record: record["provenance"].update(recipe="another"))
    refused(signed.folder)
    other = changed(made, tmp_path / "other")
    SecretKey(b"12345678", bytes(32), keys / "other.key").sign(other)
    refused(other)


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes in folders here")
@pytest.mark.parametrize("name", ["artifact.json", SIGNATURE])
def test_pipes_are_not_waited_for(cli: Run, made: Path, keys: Path, tmp_path: Path, name: str) -> None:
    artifact = changed(made, tmp_path / "artifact")
    read_secret_key(keys / "own.key").sign(artifact)
    (artifact / name).unlink()
    os.mkfifo(artifact / name)
    found = cli("verify", artifact, "--public-key", keys / "own.pub")
    assert (found.returncode, found.stderr.count("\n")) == (2, 1), found
    assert "it is a pipe, not a file" in found.stderr


def test_what_is_not_signed_by_this_key_is_refused(cli: Run, made: Path, keys: Path, tmp_path: Path) -> None:
    artifact, public = changed(made, tmp_path / "artifact"), keys / "own.pub"

    def refused(reason: str, key: Path = public) -> None:
        with pytest.raises(SkipwiseError, match=reason):
            verify(artifact, timing=False, public_key=key)

    refused(r"is not signed: there is no artifact\.json\.minisig in it")
    read_secret_key(keys / "own.key").sign(artifact)
    assert verify(artifact, timing=False, public_key=public).certificate.passed
    refused("is signed by the key C9B9FBBE468081E3, not by ", keys / "protected.pub")
    lines = (artifact / SIGNATURE).read_text(encoding="utf-8").splitlines()

    def rewrite(number: int, line: str) -> None:
        changed_lines = [*lines[:number], line, *lines[number + 1 :]]
        (artifact / SIGNATURE).write_text("\n".join(changed_lines) + "\n", encoding="utf-8")

    rewrite(2, lines[2] + " by the chief")
    refused("is not what the key C9B9FBBE468081E3 signed")
    rewrite(1, "no base64!")
    refused("is not a file of minisign")
    rewrite(1, lines[3])
    refused("is not a minisign signature that Skipwise can check")
    rewrite(0, lines[0])
    reseal(artifact, lambda record: record.update(classes=["bell", "anchor", "comb"]))
    assert verify(artifact, timing=False).certificate.passed  # the seal alone does not show it
    refused("is not what the key C9B9FBBE468081E3 signed")
    done = cli("verify", str(artifact), "--no-timing", "--public-key", str(public))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.slow  # a gigabyte and some seconds, as minisign means it
def test_passwords(keys: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MINISIGN_PASSWORD", raising=False)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SkipwiseError, match="has a password, and there is no terminal"):
        read_secret_key(keys / "protected.key")
    monkeypatch.setenv("MINISIGN_PASSWORD", "wrong")
    with pytest.raises(SkipwiseError, match="This password does not open"):
        read_secret_key(keys / "protected.key")
    monkeypatch.setenv("MINISIGN_PASSWORD", "secret")
    key = read_secret_key(keys / "protected.key")
    (tmp_path / "artifact.json").write_bytes(RECORD)
    key.sign(tmp_path)
    read_public_key(keys / "protected.pub").check(tmp_path)


def test_files_that_are_no_keys_are_said(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match="There is no file"):
        read_secret_key(keys / "none.key")
    with pytest.raises(SkipwiseError, match="is not a secret key of minisign"):
        read_secret_key(keys / "own.pub")
    with pytest.raises(SkipwiseError, match="is not a public key of minisign"):
        read_public_key(keys / "own.key")
    (tmp_path / "noise").write_bytes(os.urandom(200))
    with pytest.raises(SkipwiseError, match="is not a file of minisign"):
        read_public_key(tmp_path / "noise")
