"""What docs/serving.md tells people to type and to configure works."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from skipwise.deploy.export.export import Exported
from skipwise.deploy.formats import FORMATS
from skipwise.deploy.servers import SERVERS
from tests.served import Server, served
from tests.serving import certificate

PAGE = Path(__file__).parents[1] / "docs" / "serving.md"
TEXT = PAGE.read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.search(rf"^<!-- example: {name} -->\n```\w+\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def server(exported: Exported) -> Iterator[Server]:
    with served(f"images-onnx-fp32={exported.folder}") as running:
        yield running


@pytest.fixture
def photo(photos: Path, here: Path) -> Path:
    """The working folder has photo.jpg."""
    shutil.copy(next(photos.rglob("*.jpg")), here / "photo.jpg")
    return here / "photo.jpg"


def run(code: str, server: Server) -> str:
    code = code.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("photo")
def test_curl_gets_what_the_page_shows(server: Server) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    words = shlex.split(example("curl").replace(":8000", f":{server.port}"))
    found = json.loads(subprocess.run([*words, "-s"], check=True, capture_output=True).stdout)
    shown = json.loads(re.findall(r"^```json\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)[0])
    assert found.keys() == shown.keys()
    assert found["answers"][0].keys() == shown["answers"][0].keys()


@pytest.mark.usefixtures("photo")
def test_python_needs_no_package(server: Server) -> None:
    assert re.match(r"stripes\d 0\.\d+", run(example("python"), server))


@pytest.mark.usefixtures("photo")
def test_a_client_of_triton_gets_the_same_answer(server: Server) -> None:
    label, probability, *_ = run(example("python"), server).split()
    code = example("tritonclient") + "\nprint(probabilities.argmax(), probabilities.max())"
    best, highest = run(code, server).split()
    assert f"stripes{best}" == label
    assert float(highest) == pytest.approx(float(probability), abs=1e-3)


def test_every_address_of_the_table_is_there(server: Server) -> None:
    for path in re.findall(r"(?<=[` ])(/[\w/]+)(?=`)", TEXT.partition("| address |")[2].partition("## ")[0]):
        if not path.endswith(("predict", "/v2/")):
            assert server.ask(path.replace("NAME", "images-onnx-fp32")).status == 200, path


def test_the_table_of_servers_is_that_of_the_code() -> None:
    written = TEXT.partition("<!-- servers -->\n")[2].partition("<!-- end of servers -->")[0]
    rows = [line.split(" | ")[:3] for line in written.splitlines()[2:]]
    expected = [
        [f"| `{each.name}`", each.title, ", ".join(f"`{format}`" for format in each.formats)]
        for each in SERVERS.values()
    ]
    assert rows == expected
    assert all(format in FORMATS for each in SERVERS.values() for format in each.formats)


def test_nginx_passes_on_what_is_asked(server: Server, tmp_path: Path, photo: Path) -> None:
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        pytest.skip("there is no nginx on this machine")
    made, key = certificate(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = example("nginx").replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("images.example.org;", "localhost;")
    text = text.replace("/etc/ssl/images.example.org.pem", str(made)).replace(
        "/etc/ssl/images.example.org.key", str(key)
    )
    places = "".join(
        f"{name}_temp_path {tmp_path / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path / 'pid'}; daemon off; master_process off; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places}\n{text}}}\n"
    )
    words = [program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    checked = subprocess.run([*words, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            trusted = ssl.create_default_context(cafile=str(made))
            address = f"https://localhost:{port}"
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"{address}/health/ready", context=trusted).close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.1)
            asked = urllib.request.Request(f"{address}/v1/predict", data=photo.read_bytes())
            with urllib.request.urlopen(asked, context=trusted) as answer:
                assert json.load(answer)["answers"][0]["label"].startswith("stripes")
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(f"{address}/metrics", context=trusted)
        finally:
            process.terminate()


def test_systemd_knows_every_line_of_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd on this machine")
    unit = tmp_path / "skipwise.service"
    text = example("systemd").replace("/opt/skipwise/bin/skipwise", sys.executable)
    unit.write_text(text.replace("/etc/skipwise.env", f"-{tmp_path}/env"))
    done = subprocess.run([program, "verify", "--recursive-errors=no", unit], capture_output=True, text=True)
    assert "skipwise.service" not in done.stderr, done.stderr
    unit.write_text(text + "\n[Service]\nNoSuchLine=yes\n")
    done = subprocess.run([program, "verify", "--recursive-errors=no", unit], capture_output=True, text=True)
    assert "NoSuchLine" in done.stderr
