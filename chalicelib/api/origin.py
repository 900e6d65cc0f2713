"""Did a request come through the CDN? Only its firewall limits how often one address may call."""

import hmac
from collections.abc import Mapping

from chalicelib.kernel.errors import ForbiddenError
from chalicelib.kernel.settings import Settings

HEADER = "x-origin-secret"


def check_origin(settings: Settings, headers: Mapping[str, str]) -> None:
    """Check the header that the CDN adds to each request and upgrade. `headers` are found by lower-case names.

    Raises:
        ForbiddenError: `ORIGIN_SECRET` is set, and the request doesn't have it.
    """
    sent, secret = headers.get(HEADER, "").encode("utf-8", "replace"), settings.origin_secret.encode()
    if secret and not hmac.compare_digest(sent, secret):
        raise ForbiddenError("Call the service by the address of its CDN")
