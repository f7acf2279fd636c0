"""The server of the editor: a page, and what it asks for. See :mod:`layoutgen.design.access` for who may."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from layoutgen.design import wire
from layoutgen.design.access import Access
from layoutgen.design.groups import scatter
from layoutgen.design.painter import Busy, Painted, Progress
from layoutgen.design.pasted import read_pasted
from layoutgen.design.session import Session
from layoutgen.errors import InvalidOption, LayoutgenError, OutputExists
from layoutgen.formats.layout_file import layout_to_dict

_LARGEST = 64 * 2**20  # bytes of a request
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC = {"design.js": "text/javascript", "design.css": "text/css"}

Answer = Callable[[Session, dict[str, Any]], dict[str, Any]]


def application(session: Session, access: Access) -> Starlette:
    """The editor of `session`, for those whom `access` lets in."""
    routes = [
        Route("/", _page),
        Route("/static/{name}", _static),
        Route("/api/picture/{number:int}", _picture_of(session)),
        Route("/api/generate", _generate_of(session), methods=["POST"]),
    ]
    for name, answer in _ANSWERS.items():
        routes.append(Route(f"/api/{name}", _answering(session, answer), methods=["POST"]))
    app = Starlette(routes=routes)

    async def check(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = access.refusal(request)
        if refusal:
            response: Response = PlainTextResponse(f"Refused: {refusal}.\n", 403)
        else:
            response = await proceed(request)
        response.headers.update(_HEADERS)
        return response

    app.add_middleware(BaseHTTPMiddleware, dispatch=check)
    return app


def _state(session: Session, _: dict[str, Any]) -> dict[str, Any]:
    info, current = session.painter.info, session.document.read()
    model = wire.model(info, session.model, wire.colors(session.colors_of(info.labels or ())))
    colors = wire.colors(session.colors_of(current.layout.labels))
    return wire.version(session.document, current, colors) | {"model": model}


def _save(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    name = wire.read_text(asked, "name") if asked.get("name") is not None else None
    layout, revision = wire.read_layout(asked.get("layout")), wire.read_text(asked, "revision")
    new = session.document.save(layout, revision, name, replace=asked.get("replace") is True)
    return {"revision": new, "file": str(session.document.path), "suggested": session.document.suggested}


def _read(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    canvas = wire.read_whole(asked, "width", 512), wire.read_whole(asked, "height", 512)
    layouts = read_pasted(wire.read_text(asked, "text"), canvas)
    labels = {label for layout in layouts for label in layout.labels}
    return {
        "layouts": [layout_to_dict(layout) for layout in layouts],
        "colors": wire.colors(session.colors_of(labels)),
    }


def _scatter(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    new = scatter(
        wire.read_layout(asked.get("layout")),
        wire.read_box(asked.get("region")),
        wire.read_text(asked, "label"),
        wire.read_whole(asked, "count"),
        size_prior=session.painter.info.size_prior,
        seed=wire.read_whole(asked, "seed", 0),
    )
    return {"instances": [wire.instance(one) for one in new]}


def _colors(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    labels = asked.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InvalidOption("labels must be a list of texts")
    return {"colors": wire.colors(session.colors_of(labels))}


def _evaluate(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    painted = session.pictures.painted(wire.read_whole(asked, "picture"))
    return {"boxes": [wire.evaluated(box) for box in session.evaluator.evaluate(painted)]}


def _cancel(session: Session, _: dict[str, Any]) -> dict[str, Any]:
    session.painter.cancel()
    return {}


def _warm(session: Session, _: dict[str, Any]) -> dict[str, Any]:
    """Load the model while the user still draws."""
    session.painter.load()
    return {}


def _unsaved(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    session.note(wire.read_text(asked, "tab"), unsaved=asked.get("unsaved") is True)
    return {}


_ANSWERS: dict[str, Answer] = {
    "state": _state,
    "save": _save,
    "read": _read,
    "scatter": _scatter,
    "colors": _colors,
    "evaluate": _evaluate,
    "cancel": _cancel,
    "warm": _warm,
    "unsaved": _unsaved,
}


def _answering(session: Session, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            asked = await _asked(request)
            return JSONResponse(await run_in_threadpool(answer, session, asked))
        except LayoutgenError as error:
            return _refused(error)

    return endpoint


def _picture_of(session: Session) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return Response(session.pictures.png(request.path_params["number"]), media_type="image/png")
        except LayoutgenError as error:
            return _refused(error)

    return endpoint


def _generate_of(session: Session) -> Callable[[Request], Awaitable[Response]]:
    """A line of JSON for each step; the page goes away by closing the connection, which ends the painting."""

    async def endpoint(request: Request) -> Response:
        try:
            asked = await _asked(request)
            layout = wire.read_layout(asked.get("layout"))
            settings = wire.read_settings(asked.get("settings", {}), session.model)
            count, every = wire.read_whole(asked, "count", 1), wire.read_whole(asked, "preview_every", 0)
        except LayoutgenError as error:
            return _refused(error)
        events = session.painter.paint(layout, settings, count=count, preview_every=every)
        return StreamingResponse(_lines(session, events), media_type="application/x-ndjson")

    return endpoint


def _lines(session: Session, events: Iterator[Progress | Painted]) -> Iterator[str]:
    try:
        for event in events:
            if isinstance(event, Progress):
                line = wire.progress(event)
            else:
                number = session.pictures.add(event)
                line = {"kind": "picture", "number": event.number, "picture": number}
                line |= {"seed": event.settings["seed"], "layout": layout_to_dict(event.layout)}
            yield json.dumps(line) + "\n"
    except LayoutgenError as error:
        yield json.dumps({"kind": "error", "message": str(error)}) + "\n"
    yield json.dumps({"kind": "end"}) + "\n"


async def _asked(request: Request) -> dict[str, Any]:
    if int(request.headers.get("content-length", _LARGEST + 1)) > _LARGEST:
        raise InvalidOption(f"a request may hold {_LARGEST // 2**20} MB")
    try:
        content = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise InvalidOption("a request must hold JSON") from None
    if not isinstance(content, dict):
        raise InvalidOption("a request must hold a JSON object")
    return content


def _refused(error: LayoutgenError) -> JSONResponse:
    conflict = isinstance(error, (OutputExists, Busy))
    return JSONResponse({"message": str(error)}, 409 if conflict else 400)


async def _page(_: Request) -> Response:
    return Response(_file("index.html"), media_type="text/html")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return PlainTextResponse("Not found.\n", 404)
    return Response(_file(name), media_type=_STATIC[name])


def _file(name: str) -> bytes:
    """A built file, see ``web/``."""
    return (files("layoutgen.design") / "static" / name).read_bytes()
