"""Signature Version 4: from a canonical request to its Authorization header.

Who sends the request decides which headers are signed; the steps after that are the same for all.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac


def authorization(
    canonical: str, names: str, *, stamp: str, region: str, service: str, access_key: str, secret_key: str
) -> str:
    """The value of the Authorization header.

    Args:
        canonical: the canonical request.
        names: names of the signed headers, as in ``canonical``.
        stamp: the time in UTC, as ``x-amz-date`` says it: 20260131T120000Z.
        region: signing Region.
        service: signing name.
        access_key, secret_key: the credentials.
    """
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    told = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret_key}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, told.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
