"""A model that `train` wrote opens by its hub id, from a hub that stands on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from layoutgen.assets import MODEL

COMMIT = "0" * 40


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as its client asks for."""

    def __init__(self, folder: Path, asked: list[str], *args: object) -> None:
        self.folder, self.asked = folder, asked
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        names = [
            file.relative_to(self.folder).as_posix() for file in self.folder.rglob("*") if file.is_file()
        ]
        if path.startswith("/api/models/me/dogs"):
            if path.endswith("/tree/main") or "/tree/" in path:
                entries = [
                    {"type": "file", "path": n, "oid": "1", "size": (self.folder / n).stat().st_size}
                    for n in names
                ]
                return self._send(json.dumps(entries).encode(), "application/json", body)
            siblings = [{"rfilename": name} for name in names]
            about = {"id": "me/dogs", "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
            return self._send(json.dumps(about).encode(), "application/json", body)
        name = path.removeprefix("/me/dogs/resolve/").partition("/")[2]
        if name not in names:
            self.send_error(404)
            return None
        if body:
            self.asked.append(name)
        return self._send((self.folder / name).read_bytes(), "application/octet-stream", body)

    def _send(self, content: bytes, kind: str, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hash(content) & 0xFFFFFFFF:x}"')
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Address of a hub that has the model of the package, and what was downloaded from it."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, MODEL, asked))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_trained_model_opens_by_hub_id(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = hub
    program = """
from layoutgen.pipeline import LayoutPipeline
pipeline = LayoutPipeline.from_pretrained("me/dogs")
print(type(pipeline.vae).__name__, type(pipeline.layout_encoder).__name__)
"""
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache")}
    environment |= {"HF_HUB_DISABLE_XET": "1", "no_proxy": "*"}
    for name in ("HF_HUB_OFFLINE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["PatchAutoencoder", "LayoutEncoder"], done.stderr
    weights = [name for name in asked if name.endswith(".safetensors")]
    assert len(weights) == 4 and asked.index("model_index.json") < asked.index(weights[0])
