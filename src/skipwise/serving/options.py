"""The options of `serve`."""

from __future__ import annotations

from skipwise.core.options import group, option, options

TOKEN_VARIABLE = "SKIPWISE_TOKEN"
"""The environment variable that a token may be in, so that it is not in the list of processes."""


@options("Address")
class AddressOptions:
    """Options for the server's address, and for access to it."""

    host: str = option("127.0.0.1", "The address to listen at; beyond this machine only with --token or --no-auth.")
    port: int = option(8000, "The port to listen at; 0 takes one that is free.", metavar="PORT")
    token: str | None = option(
        None,
        "Answer only requests with 'Authorization: Bearer TOKEN'; 16 characters or more.",
        unset=f"the environment variable {TOKEN_VARIABLE}",
        metavar="TOKEN",
    )
    no_auth: bool = option(False, "Answer everyone who can reach an address beyond this machine.")
    allow_origin: list[str] | None = option(
        None,
        "Let pages of this origin, such as https://example.org, ask; given several times for several.",
        unset="none but the server's own page",
        metavar="ORIGIN",
        repeated=True,
    )
    host_name: list[str] | None = option(
        None,
        "A name that clients call this server by, as in the header Host; given several times for several.",
        unset="localhost and the address itself",
        metavar="NAME",
        repeated=True,
    )


@options("Limits")
class LimitOptions:
    """Limits that protect the server. What is beyond them gets an answer that says so."""

    max_bytes: int = option(10_000_000, "The largest request, in bytes.", metavar="BYTES")
    max_pixels: int = option(64_000_000, "The most pixels of an image.", metavar="PIXELS")
    max_images: int = option(64, "The most images of a request.", metavar="IMAGES")
    request_timeout: float = option(
        30.0, "The most seconds from the beginning of a request until its answer.", metavar="SECONDS"
    )
    connections: int = option(1000, "The most connections at a time.", metavar="N")
    queue: int = option(128, "The most images that may wait; more are refused at once, with 503.", metavar="IMAGES")
    drain_time: float = option(
        30.0, "The most seconds for finishing what was accepted, once the server is asked to end.", metavar="SECONDS"
    )


@options("Machine")
class EngineOptions:
    """Options for computing the answers."""

    batch_size: int = option(8, "The most images per forward pass.", metavar="IMAGES", short="-b")
    max_wait: float = option(
        5.0,
        "The most milliseconds that an image waits for others of its batch while these are decoded.",
        metavar="MS",
    )
    workers: int | None = option(
        None, "The number of threads that decode images.", unset="one per core", metavar="N", short="-j"
    )
    threads: int | None = option(None, "The number of threads of a network.", unset="one per core", metavar="N")
    backend: str | None = option(
        None, "What runs the networks: onnxruntime, openvino or torch.", unset="what each was exported for"
    )


@options("Answers")
class ServedOptions:
    """Options for the answers, and for what is kept of them."""

    threshold: float | None = option(
        None,
        "Call answers below this probability not sure; from 0 to 1.",
        unset="what the network was exported with",
        metavar="P",
    )
    public_key: str | None = option(
        None, "Serve only networks that this minisign key signed.", metavar="FILE", path=True
    )
    watch: bool = option(
        False, "Look every second for other versions of the networks, and replace them; SIGHUP does so once."
    )
    log: str | None = option(
        None, "Append a line of JSON for each answer to this file; no images.", metavar="FILE", path=True
    )
    log_images: bool = option(False, "Keep the images, too, in a folder beside --log.")


@options()
class ServeOptions:
    """The options of `serve`."""

    address: AddressOptions = group(AddressOptions)
    limits: LimitOptions = group(LimitOptions)
    engine: EngineOptions = group(EngineOptions)
    answers: ServedOptions = group(ServedOptions)
