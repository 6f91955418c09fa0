"""Puts the parts together: networks, engine, app and server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from skipwise.core.files.paths import user_path
from skipwise.core.machine.system import usable_cores
from skipwise.serving.api.app import app_of
from skipwise.serving.api.served import Service
from skipwise.serving.connections.guard import Rules, is_loopback
from skipwise.serving.connections.protocol import BoundedProtocol
from skipwise.serving.connections.server import Server
from skipwise.serving.drift.window import Windows
from skipwise.serving.engine.engine import Engine
from skipwise.serving.listening import Listening, bound
from skipwise.serving.models.catalog import Catalog, Served
from skipwise.serving.models.given import Given, parse
from skipwise.serving.models.version import Opening, Version
from skipwise.serving.options import ServeOptions


def run(
    artifacts: Sequence[str],
    options: ServeOptions,
    token: str | None,
    progress: Callable[[str, int, int], None],
    began: Callable[[Listening], None] | None,
) -> None:
    """Serves until it is asked to end."""
    address = options.address
    given = parse(artifacts)
    folders = {each: each.versions() for each in given}  # before the socket, and that before the networks are opened
    socket = bound(address.host, address.port)
    with socket:
        opening = Opening(
            batch_size=options.engine.batch_size,
            wait=options.engine.max_wait / 1000,
            threads=options.engine.threads,
            backend=options.engine.backend,
            check=_signature_check(options.answers.public_key),
        )
        catalog = Catalog(_opened(folders, opening, progress))
        windows = Windows()
        workers = options.engine.workers or usable_cores()
        service = Service(
            catalog=catalog,
            engine=Engine(workers=workers, queue=options.limits.queue, watchers=[windows]),
            windows=windows,
            limits=options.limits,
            threshold=options.answers.threshold,
        )
        rules = Rules.of(address.host, names=address.host_name or (), origins=address.allow_origin or (), token=token)
        listening = _described(catalog, options, token, socket.getsockname()[1])
        protocol = type(
            "Connection",
            (BoundedProtocol,),
            {
                "most_connections": options.limits.connections,
                "most_body": options.limits.max_bytes,
                "body_seconds": options.limits.request_timeout,
            },
        )

        def ending() -> None:
            service.draining = True

        server = Server(
            app_of(service, rules),
            protocol=protocol,
            drain=options.limits.drain_time,
            began=lambda: began(listening) if began is not None else None,
            ending=ending,
        )
        try:
            server.run(sockets=[socket])
        finally:
            service.engine.close()
            for served in catalog:
                for version in served.versions.values():
                    version.batcher.close()


def _opened(
    folders: Mapping[Given, Mapping[str, object]], opening: Opening, progress: Callable[[str, int, int], None]
) -> dict[str, Served]:
    """The networks, opened and warm."""
    total, done = sum(map(len, folders.values())), 0
    found: dict[str, Served] = {}
    for given, numbers in folders.items():
        versions: dict[str, Version] = {}
        for number, folder in numbers.items():
            progress("Opening networks", done, total)
            versions[number] = Version(given.name, number, folder, opening)  # type: ignore[arg-type]
            done += 1
        found[given.name] = Served(given.name, versions)
    return found


def _described(catalog: Catalog, options: ServeOptions, token: str | None, port: int) -> Listening:
    host = options.address.host
    alone = is_loopback(host)
    notes = [
        f"The certificate of {each.name} says that it does not answer like its network; see certificate.html."
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
