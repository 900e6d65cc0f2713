"""Checks SigV4 signatures as API Gateway would, so that a mistake in signing shows before AWS finds it."""

import hmac
import re
from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

SERVICE = "execute-api"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r" ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


class SignatureError(Exception):
    """A request that API Gateway would answer 403; `kind` is its name for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SignatureChecker:
    """Knows the one pair of keys that the local functions sign with."""

    def __init__(self, credentials: ReadOnlyCredentials, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._signer = SigV4Auth(credentials, SERVICE, region)

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises:
        SignatureError: the request isn't signed, or not by these keys, for this region, or as it arrived.
        """
        if "authorization" not in headers:
            raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
        match = AUTHORIZATION.fullmatch(headers["authorization"])
        names = match["headers"].split(";") if match else []
        if match is None or "host" not in names or not {"x-amz-date", *names} <= set(headers):
            raise SignatureError("IncompleteSignatureException", "The Authorization header is not a whole SigV4 one")
        scope = (match["key"], match["date"], match["region"], match["service"])
        expected = (self._credentials.access_key, headers["x-amz-date"][:8], self._region, SERVICE)
        if scope != expected:
            raise SignatureError("InvalidSignatureException", "Credential is for another key, day, region or service")
        request = AWSRequest(method, url, {name: headers[name] for name in names}, body)
        if not hmac.compare_digest(self._sign(request, headers["x-amz-date"]), match["signature"]):
            raise SignatureError("InvalidSignatureException", "The signature is not the one of this request")

    def _sign(self, request: AWSRequest, timestamp: str) -> str:
        request.context["timestamp"] = timestamp
        text = self._signer.string_to_sign(request, self._signer.canonical_request(request))
        signature: str = self._signer.signature(text, request)
        return signature
