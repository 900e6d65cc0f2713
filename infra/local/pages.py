"""The web page; without one, a list of the service's addresses."""

import mimetypes
from pathlib import Path

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from infra.local.hosts import LOOPBACK, find_hosts
from infra.minified import read

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of each file. The page's own policy says what it may load; frame-ancestors works only in a header."""

mimetypes.add_type("text/javascript", ".js")  # the machine may have another type, which browsers refuse for modules


def list_addresses(port: int) -> str:
    """The service's addresses, for people."""
    base = f"http://localhost:{port}"
    return f"""\
  Page        {base}/
  API         {base}/api
  API docs    {base}/api/docs
  WebSocket   ws://localhost:{port}/ws
  Token       curl -s {base}/dev/token -d '{{"sub": "ada", "name": "Ada"}}'
"""


def describe_network(port: int, host: str) -> str:
    """What other devices in the network can do if we also listen at this address."""
    pages = "".join(f"              http://{name}:{port}/\n" for name in sorted(find_hosts(host) - LOOPBACK))
    return f"""\
  Network     other devices reach it, too:
{pages}
  Everybody in the network can sign in with any name. Microphones work only at localhost, or over HTTPS.
"""


class Pages:
    """Serves the files of a directory."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory = directory
        self._port = port
        self._files = StaticFiles(directory=directory, html=True, check_dir=False)

    async def serve(self, request: Request) -> Response:
        """A file. If there is no index.html, `/` answers the addresses of the stack."""
        path = request.path_params["path"]
        if not path and not (self._directory / "index.html").exists():
            return PlainTextResponse(f"Coworking Rooms\n\n{list_addresses(self._port)}")
        try:
            response = await self._files.get_response(self._files.get_path(request.scope), request.scope)
            if isinstance(response, FileResponse):
                response = await to_thread.run_sync(shrink, response)
        except HTTPException as error:
            response = PlainTextResponse(error.detail, error.status_code)
        response.headers.update(HEADERS)
        return response


def shrink(found: FileResponse) -> Response:
    """A file as it is deployed, with an entity tag that changes when the file changes."""
    tags = {name: found.headers[name] for name in ("etag", "last-modified")}
    return Response(read(Path(found.path)), found.status_code, tags, found.media_type)
