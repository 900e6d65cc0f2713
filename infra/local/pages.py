"""The web page, where there is one, and the addresses where there is none."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles


def list_addresses(port: int) -> str:
    """What answers where, for people."""
    base = f"http://localhost:{port}"
    return f"""\
  Page        {base}/
  API         {base}/api
  API docs    {base}/api/docs
  WebSocket   ws://localhost:{port}/ws
  Token       curl -s {base}/dev/token -d '{{"sub": "ada", "name": "Ada"}}'
"""


class Pages:
    """Serves a directory of files."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory = directory
        self._port = port
        self._files = StaticFiles(directory=directory, html=True, check_dir=False)

    async def serve(self, request: Request) -> Response:
        """A file, or on `/` the addresses where there is no index.html."""
        path = request.path_params["path"]
        if not path and not (self._directory / "index.html").exists():
            return PlainTextResponse(f"Coworking Rooms\n\n{list_addresses(self._port)}")
        try:
            return await self._files.get_response(self._files.get_path(request.scope), request.scope)
        except HTTPException as error:
            return PlainTextResponse(error.detail, error.status_code)
