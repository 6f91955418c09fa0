"""The servers that an exported network can be handed to, one file each, and the table of them.

To add a server, write a file here with a `Server`, and add it to `SERVERS`. `export --serve`, the table in
docs/serving.md and tests/test_servers.py go by the table.
"""

from __future__ import annotations

from skipwise.core.errors import unknown_name
from skipwise.deploy.servers.docker import DOCKER
from skipwise.deploy.servers.openvino_model_server import OPENVINO_MODEL_SERVER
from skipwise.deploy.servers.server import Server as Server
from skipwise.deploy.servers.server import ServerJob as ServerJob
from skipwise.deploy.servers.triton import TRITON

SERVERS: dict[str, Server] = {each.name: each for each in (DOCKER, OPENVINO_MODEL_SERVER, TRITON)}


def find_server(name: str) -> Server:
    """A server by its name.

    Raises:
        SkipwiseError: there is none of that name.
    """
    if name not in SERVERS:
        raise unknown_name("server", name, SERVERS)
    return SERVERS[name]
