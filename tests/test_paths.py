"""What a user names, and commands that can be pasted."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.paths import output_path, refuse_address, user_path
from skipwise.core.text import byte_size, command
from skipwise.data.sources import open_source
from skipwise.deploy.predict.inputs import Inputs
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.trained.trained_network import network_of_file, network_of_run
from skipwise.training.weights.starting_weights import find_start


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("https://example.org/data/pets.zip", "curl --location --output pets.zip https://example.org/data/pets.zip"),
        ("http://example.org/a.pth?x=1&y=2", "curl --location --output a.pth 'http://example.org/a.pth?x=1&y=2'"),
        ("https://example.org/it's.zip", """--output 'it'"'"'s.zip' 'https://example.org/it'"'"'s.zip'"""),
        ("HTTPS://example.org", "curl --location --output example.org https://example.org"),
        ("s3://bucket/pets", "aws s3 cp --recursive s3://bucket/pets pets"),
        ("s3://bucket/pets.tar", "aws s3 cp s3://bucket/pets.tar pets.tar"),
        ("gs://bucket/pets", "gcloud storage cp --recursive gs://bucket/pets ."),
        ("https://www.kaggle.com/datasets/owner/pets?select=x", "kaggle datasets download --unzip owner/pets"),
        ("https://huggingface.co/datasets/owner/pets", "hf download --repo-type dataset --local-dir pets owner/pets"),
        ("hf://datasets/owner/pets", "hf download --repo-type dataset --local-dir pets owner/pets"),
        ("https://github.com/owner/pets", "git clone https://github.com/owner/pets"),
        (
            "https://drive.google.com/file/d/1x/view?usp=s",
            "gdown --fuzzy 'https://drive.google.com/file/d/1x/view?usp=s'",
        ),
        ("az://container/pets", "download it first."),
    ],
)
def test_an_address_is_answered_with_how_to_download_it(address: str, line: str) -> None:
    for given_ in (address, Path(address)):  # of the two strokes a path keeps one
        with pytest.raises(SkipwiseError, match="is an address of the web, and Skipwise reads files") as caught:
            refuse_address(given_)
        assert str(caught.value).endswith(line)


def test_a_file_s_address_is_answered_with_its_path() -> None:
    with pytest.raises(SkipwiseError, match=r"give its path: /data/pets\.zip"):
        refuse_address("file:///data/pets.zip")


@pytest.mark.parametrize("name", ["digits", "huggingface:owner/name", "torchvision:Flowers102", "a/b:c", "C:/x", "s3"])
def test_names_and_paths_are_no_addresses(name: str) -> None:
    refuse_address(name)
    assert user_path(name) == Path(name)


def test_a_folder_that_is_called_like_an_address_is_a_folder(here: Path) -> None:
    (here / "http:" / "x").mkdir(parents=True)
    refuse_address("http:/x")


@pytest.mark.parametrize(
    "address",
    ["https://www.kaggle.com/datasets/owner/pets", "https://github.com/owner/pets", "ftp://example.org/pets.zip"],
)
def test_what_is_no_file_is_answered_with_how_to_download_it_by_everything_that_is_opened(address: str) -> None:
    elsewhere = ExternalWeights(model="resnet18", classes=("a", "b"))
    for use in (
        lambda: Inputs([address]),
        lambda: network_of_run(address),
        lambda: network_of_file(address, elsewhere),
        lambda: find_start(address),
        lambda: open_source(address),
    ):
        with pytest.raises(SkipwiseError, match=r"download it first: (kaggle|git|curl)"):
            use()


def test_results_are_not_written_to_an_address() -> None:
    for given_ in ("s3://me:hidden@bucket/it's mine", Path("s3://bucket/it's mine")):
        with pytest.raises(SkipwiseError, match="Results can't be written to s3://") as caught:
            output_path(given_)
        assert "aws s3 cp --recursive FOLDER 's3://" in str(caught.value)
        assert "hidden" not in str(caught.value)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0/").filter(str.isprintable), min_size=1), st.booleans()
)
def test_a_command_means_the_same_pasted_into_a_shell(name: str, is_path: bool) -> None:
    word = Path(name) if is_path else name
    pasted = shlex.split(command("skipwise", "audit", word))
    assert pasted[:2] == ["skipwise", "audit"]
    assert len(pasted) == 3
    assert not (is_path and pasted[2].startswith("-"))
    assert Path(pasted[2]) == Path(name) if is_path else pasted[2] == name


def test_a_shell_agrees() -> None:
    line = command("printf", "%s|", Path("-my photos"), Path("it's; rm -rf $HOME"), "--output", Path("a\nb"))
    assert line.isprintable()
    # What can't be printed is written as bash and zsh take it.
    found = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout
    assert found == "./-my photos|it's; rm -rf $HOME|--output|a\nb|"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (999.6, "1 kB"), (1500, "1.5 kB"), (999_499, "999 kB"),
     (999_500, "1 MB"), (44_731_000, "44.7 MB"), (3.2e9, "3.2 GB"), (5e12, "5 TB"), (2e16, "20 PB")],
)  # fmt: skip
def test_bytes_are_given_in_the_unit_that_suits_them(count: float, shown: str) -> None:
    assert byte_size(count) == shown
