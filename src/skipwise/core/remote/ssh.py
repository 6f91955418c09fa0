"""SFTP as `ssh` does it: hosts that are known, and what ~/.ssh/config says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

CONFIGURATION = Path("~/.ssh/config")
KNOWN_HOSTS = Path("~/.ssh/known_hosts")


class KnownHosts(SFTPFileSystem):
    """fsspec's SFTP, which would connect to any host. This one refuses a host whose key `ssh` does not know."""

    def _connect(self) -> None:
        options = _configured(self.host) | self.ssh_kwargs
        self.client = paramiko.SSHClient()
        known = KNOWN_HOSTS.expanduser()
        if known.exists():
            self.client.load_system_host_keys(str(known))
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self.client.connect(options.pop("hostname", self.host), **options)
        self.ftp = self.client.open_sftp()


def _configured(host: str) -> dict[str, Any]:
    """The options that ~/.ssh/config has for a host."""
    path = CONFIGURATION.expanduser()
    if not path.exists():
        return {}
    found = paramiko.SSHConfig.from_path(str(path)).lookup(host)
    options: dict[str, Any] = {"hostname": found["hostname"]}
    if "user" in found:
        options["username"] = found["user"]
    if "port" in found:
        options["port"] = int(found["port"])
    if "identityfile" in found:
        options["key_filename"] = [str(Path(each).expanduser()) for each in found["identityfile"]]
    return options
