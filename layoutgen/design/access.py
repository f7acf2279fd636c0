"""Who may talk to the editor: the page that we opened, and nobody else on the machine or in the browser."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.requests import Request

HEADER = "x-layoutgen-token"


@dataclass(frozen=True, slots=True)
class Access:
    """Looks at a request to the server at `port` whose pages know `token`.

    The token is never a cookie: browsers send those along whoever asks, and to every port of a machine.
    """

    port: int
    token: str

    @staticmethod
    def new(port: int) -> Access:
        """With a token that nobody can guess."""
        return Access(port, secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        """Where the page is, for whoever may see it."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def refusal(self, request: Request) -> str:
        """Why the request is refused; "" if it is not."""
        names = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        if request.headers.get("host", "") not in names:
            return "this server answers under its own name only"  # a name that was bent to this machine
        origin = request.headers.get("origin")
        if origin is not None and origin not in {f"http://{name}" for name in names}:
            return "requests of other pages are refused"
        # Another page may send the user to this one, but not ask it for anything.
        sent = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not sent:
            return "requests of other pages are refused"
        return "" if self._knows(request) else "the address has no valid token: use the one in the terminal"

    def _knows(self, request: Request) -> bool:
        if request.method == "GET" and request.url.path.startswith("/static/"):
            return True  # the program is no secret, and a script element cannot send a header
        given = request.query_params.get("token", "") if request.url.path == "/" else ""
        given = request.headers.get(HEADER, given)
        return secrets.compare_digest(given.encode(), self.token.encode())
