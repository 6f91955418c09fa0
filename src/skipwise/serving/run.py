"""Puts the parts together: networks, engine, app and server."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from skipwise.core.files.paths import output_path, user_path
from skipwise.core.machine.system import usable_cores
from skipwise.core.text import count
from skipwise.serving.answer_log import AnswerLog
from skipwise.serving.api.app import app_of
from skipwise.serving.api.served import Service
from skipwise.serving.connections.guard import Rules, is_loopback
from skipwise.serving.connections.protocol import BoundedProtocol
from skipwise.serving.connections.server import Server
from skipwise.serving.drift.metrics import DriftCollector, Watched
from skipwise.serving.drift.window import Windows
from skipwise.serving.engine.engine import Engine, Watcher
from skipwise.serving.listening import Listening, Told, allow_open_files, bound
from skipwise.serving.metrics import Metrics
from skipwise.serving.models.catalog import Catalog, Served
from skipwise.serving.models.given import Given, parse
from skipwise.serving.models.reload import Reloader
from skipwise.serving.models.version import Opening, Version
from skipwise.serving.options import LimitOptions, ServeOptions


def run(artifacts: Sequence[str], options: ServeOptions, token: str | None, told: Told) -> None:
    """Serves until it is asked to end."""
    address, limits = options.address, options.limits
    # A line for each form that can't be read would fill a disk, and odd metadata of images is nobody's concern.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="PIL")
    given = parse(artifacts)
    folders = {each: each.versions() for each in given}  # mistakes are told before anything is opened
    allow_open_files(limits.connections)
    metrics = Metrics()
    opening = _opening(options, metrics, told)
    with contextlib.ExitStack() as stack:
        socket = stack.enter_context(bound(address.host, address.port))
        windows = Windows()
        watchers: list[Watcher] = [metrics, windows]
        log = None
        if options.answers.log is not None:
            log = AnswerLog(output_path(options.answers.log), images=options.answers.log_images, say=told.notice)
            stack.callback(log.close)
            watchers.append(log)
        catalog = Catalog(_opened(folders, opening, told.progress))
        stack.callback(catalog.close)
        engine = Engine(workers=options.engine.workers or usable_cores(), queue=limits.queue, watchers=watchers)
        stack.callback(engine.close)
        metrics.of_engine(engine)
        service = Service(
            catalog=catalog,
            engine=engine,
            limits=limits,
            metrics=metrics,
            windows=windows,
            threshold=options.answers.threshold,
        )
        metrics.registry.register(DriftCollector(lambda: _watched(service)))
        rules = Rules.of(address.host, names=address.host_name or (), origins=address.allow_origin or (), token=token)
        listening = _described(catalog, options, token, socket.getsockname()[1])
        reloader = Reloader(given, catalog, opening, watch=options.answers.watch)

        def began() -> None:
            reloader.begin()
            told.began(listening)

        def ending() -> None:
            service.draining = True

        server = Server(
            app_of(service, rules),
            protocol=_protocol(limits, engine),
            drain=limits.drain_time,
            began=began,
            ending=ending,
        )
        server.run(sockets=[socket])
        if log is not None:
            log.close(server.time_left)
    if server.unanswered:
        told.notice(f"Stopped; {count(server.unanswered, 'request')} could not be answered in time.")
    else:
        told.notice("Stopped; everything that was accepted is answered.")


def _opening(options: ServeOptions, metrics: Metrics, told: Told) -> Opening:
    """Returns the settings by which networks are opened, at the start and later."""
    asked = options.engine
    return Opening(
        batch_size=asked.batch_size,
        wait=asked.max_wait / 1000,
        threads=asked.threads,
        backend=asked.backend,
        check=_signature_check(options.answers.public_key),
        say=told.notice,
        batch=metrics.batch,
    )


def _watched(service: Service) -> list[Watched]:
    """The networks that are served now, with what they were asked."""
    return [
        Watched(
            model=version.name,
            version=version.number,
            artifact=version.session.artifact,
            window=service.windows.of(version.name, version.identity),
            threshold=service.threshold_of(version),
        )
        for served in service.catalog
        for version in served.versions.values()
    ]


def _protocol(limits: LimitOptions, engine: Engine) -> type[BoundedProtocol]:
    """The class of connections with these limits."""

    class Connection(BoundedProtocol):
        most_connections = limits.connections
        most_body = limits.max_bytes
        body_seconds = limits.request_timeout

        def busy(self) -> bool:
            return engine.busy

    return Connection


def _opened(
    folders: Mapping[Given, Mapping[str, Path]], opening: Opening, progress: Callable[[str, int, int], None]
) -> dict[str, Served]:
    """The networks, opened and warm."""
    total, done = sum(map(len, folders.values())), 0
    found: dict[str, Served] = {}
    for given, numbers in folders.items():
        versions: dict[str, Version] = {}
        for number, folder in numbers.items():
            progress("Opening networks", done, total)
            versions[number] = Version(given.name, number, folder, opening)
            done += 1
        found[given.name] = Served(given.name, versions)
    return found


def _described(catalog: Catalog, options: ServeOptions, token: str | None, port: int) -> Listening:
    host = options.address.host
    alone = is_loopback(host)
    notes = [
        f"The certificate of {each.name} says that it does not answer like its network; see its certificate.html."
        for each in catalog
        if each.newest.certified is not None and not each.newest.certified.passed
    ]
    if not alone and token is None:
        notes.append(f"NO TOKEN IS ASKED FOR (--no-auth): everyone who reaches {host}:{port} is answered.")
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return Listening(
        url=f"http://{shown}:{port}/",
        models=tuple((each.name, tuple(each.versions)) for each in catalog),
        notes=tuple(notes),
        authorized=token is not None,
        alone=alone,
    )


def _signature_check(public_key: str | None) -> Callable[[Path], None]:
    """Raises SkipwiseError for folders that the key did not sign."""
    if public_key is None:
        return lambda _: None
    from skipwise.deploy.artifact.signing import read_public_key

    return read_public_key(user_path(public_key)).check
