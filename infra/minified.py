"""The page's files as browsers get them: minified."""

from importlib.util import find_spec
from pathlib import Path

KINDS = {".js": "application/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
_HAS_MINIFIER = find_spec("minify") is not None


def read(path: Path) -> bytes:
    """A file, minified if its kind allows it and the minifier runs on this machine (it is built for Linux only)."""
    if path.suffix not in KINDS or not _HAS_MINIFIER:
        return path.read_bytes()
    import minify  # imported when first used: the stack starts faster without it

    return str(minify.string(KINDS[path.suffix], path.read_text("utf-8"))).encode()
