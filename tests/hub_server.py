"""A small Hugging Face Hub on this machine: repositories, commits and files, as the library huggingface_hub asks."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server has.

    Args:
        url: its address.
        token: what a client has to send to write.
        repositories: the files of each, by its name.
        private: the names of those that were made so.
        uploads: files by their SHA-256 that were sent and not committed yet.
    """

    url: str
    token: str
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    uploads: dict[str, bytes] = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            found = b""
            while size := int(self.rfile.readline().strip(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, record: Any = None, *, body: bytes | None = None, **headers: str) -> None:
        content = json.dumps(record).encode() if body is None else body
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body is None else "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_POST(self) -> None:
        body, path = self._read(), unquote(urlsplit(self.path).path)
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self._answer(401, {"error": "Invalid credentials"})
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'user'}/{asked['name']}"
            self.hub.repositories.setdefault(name, {})
            if asked.get("private") or asked.get("visibility") == "private":
                self.hub.private.add(name)
            return self._answer(200, {"url": f"{self.hub.url}/{name}", "name": name})
        if path == "/api/validate-yaml":
            return self._answer(200, {"errors": [], "warnings": []})
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [
                {"path": each["path"], "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular"}
                | {"shouldIgnore": False, "oid": None}
                for each in files
            ]
            return self._answer(200, {"files": modes})
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                {"oid": each["oid"], "size": each["size"], "authenticated": True}
                | {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}", "header": {}}}}
                for each in json.loads(body)["objects"]
            ]
            return self._answer(200, {"transfer": "basic", "objects": objects})
        if "/commit/" in path:
            name = "/".join(path.split("/")[3:5])
            for line in body.splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "file":
                    self.hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "lfsFile":
                    self.hub.repositories[name][value["path"]] = self.hub.uploads[value["oid"]]
            url = f"{self.hub.url}/{name}/commit/{COMMIT}"
            return self._answer(200, {"commitUrl": url, "commitOid": COMMIT, "hookOutput": ""})
        return self._answer(404, {"error": path})

    def do_PUT(self) -> None:
        body = self._read()
        self.hub.uploads[hashlib.sha256(body).hexdigest()] = body
        self._answer(200, {})

    def do_GET(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"] and "/".join(parts[2:4]) in self.hub.repositories:
            name = "/".join(parts[2:4])
            files = self.hub.repositories[name]
            if "tree" in parts:
                found = [
                    {"type": "file", "path": path, "size": len(data), "oid": COMMIT} for path, data in files.items()
                ]
                return self._answer(200, found)
            siblings = [{"rfilename": path} for path in files]
            about = {
                "id": name,
                "modelId": name,
                "sha": COMMIT,
                "siblings": siblings,
                "private": name in self.hub.private,
            }
            return self._answer(200, about | {"xetEnabled": False, "tags": [], "downloads": 0})
        if len(parts) > 4 and parts[2] == "resolve":
            data = self.hub.repositories.get("/".join(parts[:2]), {}).get("/".join(parts[4:]))
            if data is not None:
                etag = f'"{hashlib.sha256(data).hexdigest()}"'
                return self._answer(200, body=data, ETag=etag, X_Repo_Commit=COMMIT)
        return self._answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")

    def do_HEAD(self) -> None:
        self.do_GET()


@contextmanager
def fake_hub(token: str) -> Iterator[Hub]:
    """A hub that runs while the block does."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub = Hub(url=f"http://127.0.0.1:{server.server_port}", token=token)
    handler.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
