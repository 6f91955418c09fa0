"""Clients of `serve` that end early, read slowly or send nonsense behind a request; and what gets stuck."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from skipwise.serving.api.health import ready
from skipwise.serving.api.served import Service
from skipwise.serving.connections.deadline import take_time
from skipwise.serving.connections.held import HeldResponse
from skipwise.serving.connections.problems import Problem
from skipwise.serving.connections.protocol import BoundedProtocol
from skipwise.serving.connections.server import ENDING_SECONDS, NOTICE_SECONDS, Server
from skipwise.serving.engine.batcher import Batcher
from skipwise.serving.engine.engine import MOST_HELD, Engine
from skipwise.serving.engine.work import Overloaded
from skipwise.serving.options import LimitOptions
from tests.conftest import Run
from tests.served import Server as Served
from tests.served import served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skipwise.deploy.export.export import Exported
    from skipwise.serving.engine.work import Item

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server(exported: Exported) -> Iterator[Served]:
    with served(exported.folder) as running:
        yield running
        assert "Traceback" not in running.noticed


def noise(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 50).save(buffer, "PNG")
    return buffer.getvalue()


def asking(body: bytes, version: str = "1.1") -> bytes:
    return b"POST /v1/predict HTTP/%s\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (
        version.encode(),
        len(body),
        body,
    )


SLOW = noise(900)


class TestWhoSendsNoMore:
    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_gets_the_answer(self, server: Served, version: str) -> None:
        found = server.raw(asking(noise(40), version), ends=True)
        assert found.startswith(b"HTTP/1.1 200 OK")
        assert b'"answers"' in found

    def test_gets_it_also_if_it_takes_a_while(self, server: Served) -> None:
        """It is asked meanwhile whether it is still there, by an interim answer that clients pass over."""
        some = [threading.Thread(target=server.raw, args=(asking(SLOW),), kwargs={"ends": True}) for _ in "abcd"]
        for each in some:
            each.start()
        found = server.raw(asking(SLOW), ends=True)
        for each in some:
            each.join()
        *interim, last = re.findall(rb"HTTP/1\.1 (\d{3})", found)
        assert last == b"200"
        assert set(interim) <= {b"100"}

    def test_gets_both_answers_of_two_requests(self, server: Served) -> None:
        found = server.raw(asking(noise(40)) + LIVE, ends=True)
        assert re.findall(rb"HTTP/1\.1 (\d{3})", found) == [b"200", b"200"]

    def test_is_told_that_a_request_broke_off(self, server: Served) -> None:
        assert server.raw(asking(noise(40))[:-9], ends=True).startswith(b"HTTP/1.1 400")
        assert server.raw(LIVE[:30], ends=True).startswith(b"HTTP/1.1 400")
        found = server.raw(asking(noise(300)) + LIVE[:30], ends=True)
        assert re.findall(rb"HTTP/1\.1 (\d{3})", found) == [b"200", b"400"]


@pytest.mark.parametrize(
    "junk", [b"nonsense\r\n\r\n", b"\x00\x01\x02", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\nX"]
)
@pytest.mark.parametrize("first", [LIVE, asking(noise(300))])
def test_nonsense_behind_a_request_is_answered_after_the_request(server: Served, first: bytes, junk: bytes) -> None:
    found = server.raw(first + junk)
    assert re.findall(rb"HTTP/1\.1 (\d{3})", found) == [b"200", b"400"]
    assert found.count(b"connection: close") == 1
    assert re.findall(rb"HTTP/1\.1 (\d{3})", server.raw(first, then=junk)) == [b"200", b"400"]


def test_an_answer_counts_until_its_client_has_taken_it() -> None:
    body, engine = bytes(30_000_000), Engine(workers=1, queue=1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await HeldResponse(engine, body, "application/octet-stream")(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    began = threading.Event()
    made = Server(app, protocol=BoundedProtocol, drain=5, began=began.set, ending=lambda: None)

    async def asked() -> None:
        serving = asyncio.create_task(made.serve(sockets=[listening]))
        while not began.is_set():
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*listening.getsockname(), limit=2**10)
        writer.write(LIVE)
        while not engine.held:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert engine.held == len(body)
        engine.hold(MOST_HELD - len(body))
        with pytest.raises(Overloaded), engine.holding(1):
            pass
        engine.hold(len(body) - MOST_HELD)
        while not (await reader.read(2**20)).endswith(b"\0"):
            pass
        until = time.monotonic() + 20
        while engine.held and time.monotonic() < until:
            await reader.read(2**20)
        assert engine.held == 0
        writer.close()
        made.handle_exit(signal.SIGTERM, None)
        await serving

    try:
        asyncio.run(asked())
    finally:
        take_time()
        engine.close()


class TestThreadsThatEnd:
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_another_one_is_begun(self) -> None:
        answered: list[Sequence[Item]] = []

        def answer(batch: Sequence[Item]) -> None:
            answered.append(batch)
            if len(answered) == 1:
                sys.exit("the code of a backend")

        batcher = Batcher(answer, sizes=(1,), wait=0)
        item: Any = SimpleNamespace(explain=False, ready=0.0)
        for number in (1, 2):
            batcher.expect(1)
            batcher.put(item)
            until = time.monotonic() + 20
            while len(answered) < number and time.monotonic() < until:
                time.sleep(0.005)
            if number == 1:
                batcher.join(20)
                assert not batcher.working(60)
        assert len(answered) == 2
        assert batcher.working(60)
        batcher.close()

    def test_it_is_not_ready_while_a_network_is_stuck(self) -> None:
        begun, free = threading.Event(), threading.Event()

        def answer(_: object) -> None:
            begun.set()
            free.wait(20)

        engine, batcher = Engine(workers=1, queue=1), Batcher(answer, sizes=(1,), wait=0)
        version: Any = SimpleNamespace(batcher=batcher)
        catalog: Any = [SimpleNamespace(name="net", versions={"1": version})]
        limits = LimitOptions(request_timeout=0.2)
        metrics: Any = None
        service = Service(catalog=catalog, engine=engine, limits=limits, metrics=metrics)
        request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(service=service)))
        assert asyncio.run(ready(request)).status_code == 200
        batcher.expect(1)
        batcher.put(SimpleNamespace(explain=False, ready=0.0))  # type: ignore[arg-type]
        assert begun.wait(20)
        time.sleep(0.3)
        with pytest.raises(Problem, match=r"The network net gives no answers; ask another server, and restart this"):
            asyncio.run(ready(request))
        free.set()
        batcher.close()
        batcher.join(20)
        engine.close()
        assert not service.answers(version)  # it has ended


class TestTheEnd:
    def test_there_is_time_left_after_the_last_answer(self) -> None:
        made = Server(lambda *_: None, protocol=BoundedProtocol, drain=30, began=int, ending=int)  # type: ignore[arg-type]
        assert made.config.timeout_graceful_shutdown is not None
        assert NOTICE_SECONDS + made.config.timeout_graceful_shutdown + ENDING_SECONDS <= 30

    @pytest.mark.parametrize("stuck", ["sum(range(10**13))", "import atexit, time; atexit.register(time.sleep, 60)"])
    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no such timer")
    def test_a_process_that_is_stuck_ends_in_time(self, stuck: str) -> None:
        """In C code that holds the interpreter, and at the end of the interpreter."""
        code = f"from skipwise.serving.connections.deadline import end_within; end_within(0.2); {stuck}"
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
        assert done.returncode == -signal.SIGALRM
        assert time.monotonic() - began < 30

    def test_who_stops_it_while_networks_are_opened_is_told_so(self, cli: Run, exported: Exported) -> None:
        done = cli("serve", exported.folder, "--port", "0", prepare=stopped_while_opening)
        assert done.returncode == 130
        assert done.stderr.strip().splitlines()[-1] == "Stopped before it took requests."


def stopped_while_opening() -> None:
    """Ends it as Ctrl-C does when it opens a network."""
    from skipwise.serving import run

    run._opened = lambda *_: os.kill(os.getpid(), signal.SIGINT)  # type: ignore[assignment]
