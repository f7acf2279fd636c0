"""An editor that runs: its server in a thread, a small model, and the page in a browser."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from layoutgen.design.access import Access
from layoutgen.design.document import Document
from layoutgen.design.evaluator import PictureEvaluator
from layoutgen.design.painter import Painter
from layoutgen.design.serve import _listening
from layoutgen.design.server import application
from layoutgen.design.session import Session
from layoutgen.domain.layout import Layout
from layoutgen.model_info import find_model
from tests.browser import leave_all


@dataclass(frozen=True)
class Editor:
    """An editor that answers at `url`."""

    session: Session
    access: Access

    @property
    def url(self) -> str:
        return self.access.url

    def send(self, path: str, content: object = None, **headers: str | None) -> tuple[int, Any]:
        """The status and the answer to a request; a header that is None is not sent."""
        sent = {"Host": f"127.0.0.1:{self.access.port}", "X-Layoutgen-Token": self.access.token}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.access.port}{path}", data)
        for name, value in sent.items():
            if value is not None:
                request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def ask(self, name: str, content: object = None, status: int = 200) -> Any:
        """The JSON that the server answers."""
        got, body = self.send(f"/api/{name}", content or {})
        assert got == status, body
        return json.loads(body)

    def lines(self, content: object) -> list[Any]:
        """The events of a painting."""
        status, body = self.send("/api/generate", content)
        assert status == 200, body
        return [json.loads(line) for line in body.splitlines()]


@pytest.fixture(scope="session")
def painter() -> Painter:
    """The small model in the package, loaded once for all tests."""
    painter = Painter(find_model(None), "cpu", "fp32")
    painter.load()  # pages ask for it while boxes are drawn, and would still wait when their test ends
    return painter


@pytest.fixture(scope="session")
def evaluator() -> PictureEvaluator:
    """The detector in the package."""
    return PictureEvaluator(device="cpu")


@pytest.fixture
def edit(
    painter: Painter, evaluator: PictureEvaluator, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Editor]]:
    """Starts an editor of a file, or of an empty canvas of 192 x 192 pixels."""
    running = []

    def start(path: Path | None = None, folder: Path | None = None) -> Editor:
        document = Document(path, Layout(192, 192), size_prior=painter.info.size_prior)
        if folder is not None:
            document.folder = folder
        session = Session(document, painter, evaluator)
        listener = _listening(0)
        access = Access.new(listener.getsockname()[1])
        config = uvicorn.Config(application(session, access), log_config=None)
        config.timeout_graceful_shutdown = 1
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        listener.listen(16)
        thread.start()
        running.append((server, thread, listener))
        return Editor(session, access)

    yield start
    if "browser" in request.fixturenames:
        # A page that is still open would ask a server that is gone, and report that as an error.
        leave_all(request.getfixturevalue("browser"))
    for server, thread, listener in running:
        server.should_exit = True
        thread.join(10)
        listener.close()


LAYOUT = {
    "canvas": {"width": 192, "height": 160},
    "prompt": "2 dogs on green ground",
    "instances": [
        {"label": "dog", "xyxy": [16, 16, 64, 80]},
        {"label": "dog", "xyxy": [96, 64, 144, 128]},
    ],
}
