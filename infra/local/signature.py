"""Checks SigV4 signatures as API Gateway does, so that local tests find signing mistakes."""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

SERVICE = "execute-api"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r" ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


SKEW = timedelta(minutes=5)


class SignatureError(Exception):
    """API Gateway would answer 403; `kind` is its error type."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SignatureChecker:
    """Knows the credentials that the local functions sign with; they may be renewed at run time."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raises SignatureError unless the request is signed with our credentials, for our region, as it arrived."""
        if "authorization" not in headers:
            raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
        match = AUTHORIZATION.fullmatch(headers["authorization"])
        names = match["headers"].split(";") if match else []
        if match is None or "host" not in names or not {"x-amz-date", *names} <= set(headers):
            raise SignatureError("IncompleteSignatureException", "The Authorization header lacks a part of SigV4")
        if abs(now - read_time(headers["x-amz-date"])) > SKEW:
            raise SignatureError("InvalidSignatureException", "Signature expired, or from the future")
        keys = self._credentials.get_frozen_credentials()
        scope = (match["key"], match["date"], match["region"], match["service"])
        expected = (keys.access_key, headers["x-amz-date"][:8], self._region, SERVICE)
        if scope != expected:
            raise SignatureError("InvalidSignatureException", "Credential is for another key, day, region or service")
        request = AWSRequest(method, url, {name: headers[name] for name in names}, body)
        request.context["timestamp"] = headers["x-amz-date"]
        if not hmac.compare_digest(sign(request, keys, self._region), match["signature"]):
            raise SignatureError("InvalidSignatureException", "The signature is not the one of this request")


def sign(request: AWSRequest, keys: ReadOnlyCredentials, region: str) -> str:
    """The correct signature of a request with these headers."""
    signer = SigV4Auth(keys, SERVICE, region)
    signature: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return signature


def read_time(text: str) -> datetime:
    """The time in an `X-Amz-Date` header; 1970 if it isn't valid."""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
