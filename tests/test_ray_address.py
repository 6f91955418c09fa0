"""Where a Ray cluster is said to be: found out, and refused where nobody is, without Ray."""

from __future__ import annotations

import socket
import time

import pytest

import skipwise
from skipwise import RayExecutor
from skipwise.comparison.executors.ray import process
from skipwise.comparison.executors.ray.address import find_address, listens


@pytest.mark.parametrize(
    ("asked", "text", "endpoint"),
    [
        ("ray://head:10001", "ray://head:10001", "head:10001"),
        ("ray://head", "ray://head:10001", "head:10001"),
        ("ray://[::1]", "ray://[::1]:10001", "[::1]:10001"),
        ("10.0.0.1:6379", "10.0.0.1:6379", "10.0.0.1:6379"),
        ("auto", "auto", None),
        ("local", "local", None),
    ],
)
def test_an_address_is_read(asked: str, text: str, endpoint: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (find_address(asked).text, find_address(asked).endpoint) == (text, endpoint)
    monkeypatch.setenv("RAY_ADDRESS", asked)
    assert find_address(None).text == text


def test_without_an_address_it_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert find_address(None).text is None
    assert find_address(None).place == "on this machine"


def test_the_address_for_jobs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    with pytest.raises(skipwise.SkipwiseError, match=r"http://head:8265 is the address of Ray's dashboard"):
        RayExecutor().rooms("cpu")


@pytest.mark.parametrize("address", ["ray://127.0.0.1:9", "127.0.0.1:9", "ray://no-such-host.invalid:10001"])
def test_where_nobody_listens_is_one_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROBING", 0.5)  # a name may take long to be looked up
    began = time.monotonic()
    with pytest.raises(skipwise.SkipwiseError, match=rf"There is no Ray cluster at {address} that answers; start one"):
        RayExecutor(address).rooms("cpu")
    assert time.monotonic() - began < 10


def test_a_host_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:  # connections that nobody accepts
        endpoint = f"127.0.0.1:{full.getsockname()[1]}"
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        heard: list[float] = []
        began = time.monotonic()
        assert not listens(endpoint, seconds=0.6, waiting=heard.append)
        assert time.monotonic() - began < 5
        assert heard
        for each in waiting:
            each.close()
