"""Avatars: addresses of pictures. The browsers of others fetch them, so only pictures of allowed hosts are shown."""

import re
from urllib.parse import urlsplit

from chalicelib.kernel.settings import Settings

MAX_AVATAR = 2048
"""In bytes of UTF-8."""

_ADDRESS = re.compile(r"(?:https?://[^/\s\\]|/(?!/))[^\s\\]*", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9.-]+")  # no other spelling of a host, which a browser could read in another way

# Where the users' pictures of these sign-in services are, by the host of the issuer or of the key set. The services
# that others sign in with are included: Auth0 passes on the picture of Google or GitHub.
_GOOGLE = ("*.googleusercontent.com",)
_PICTURES = {
    "accounts.google.com": _GOOGLE,
    "www.googleapis.com": _GOOGLE,
    "securetoken.google.com": _GOOGLE,
    "*.amazonaws.com": _GOOGLE,
    "*.auth0.com": (*_GOOGLE, "s.gravatar.com", "cdn.auth0.com", "avatars.githubusercontent.com"),
    "*.clerk.accounts.dev": (*_GOOGLE, "img.clerk.com"),
}


def is_address(text: str) -> bool:
    """True if the text is an http(s) URL or an absolute path, and not too long."""
    return len(text.encode("utf-8", "surrogatepass")) <= MAX_AVATAR and _ADDRESS.fullmatch(text) is not None


class AvatarHosts:
    """The hosts whose pictures may be shown. Paths are always allowed: they are on the page's own host.

    `AVATAR_HOSTS` lists them, separated by commas: `pictures.example.com`, `*.example.com` for all hosts below it, or
    `*` for any. Without the setting, they are the hosts on which the sign-in service keeps the pictures of its users.
    The host of `PUBLIC_URL` is always allowed.
    """

    def __init__(self, settings: Settings) -> None:
        named = [host.strip().lower() for host in settings.avatar_hosts.split(",") if host.strip()]
        self._hosts = {_host_of(settings.public_url), *(named or _sign_in_hosts(settings))} - {""}

    def allow(self, avatar: str) -> bool:
        """True if the avatar may be shown."""
        if not is_address(avatar):
            return False
        return avatar.startswith("/") or "*" in self._hosts or _matches(_host_of(avatar), self._hosts)

    def show(self, avatar: str | None) -> str | None:
        """The avatar if it may be shown."""
        return avatar if avatar and self.allow(avatar) else None


def _sign_in_hosts(settings: Settings) -> list[str]:
    services = (_host_of(settings.auth_issuer), _host_of(settings.auth_jwks_url))
    return [host for service in services for host in _picture_hosts(service)]


def _picture_hosts(service: str) -> tuple[str, ...]:
    """The hosts of the pictures of a sign-in service's users; its own host, if the service is not known."""
    return next((hosts for known, hosts in _PICTURES.items() if _matches(service, {known})), (service,))


def _matches(host: str, allowed: set[str]) -> bool:
    return host in allowed or any(one.startswith("*.") and host.endswith(one[1:]) for one in allowed)


def _host_of(address: str) -> str:
    """The host of a URL; empty if there is none in the usual spelling."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) else ""
