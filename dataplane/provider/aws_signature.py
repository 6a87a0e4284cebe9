"""Signatures of AWS, made by botocore, which is loaded when the first one is needed."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dataplane.provider.adapter import Outgoing
from dataplane.provider.failure import Fault, misconfigured

if TYPE_CHECKING:
    from botocore.credentials import Credentials

_KEYS = re.compile(r"([A-Z0-9]{16,128}):([A-Za-z0-9/+=]{16,128})(?::([^\s@]+))?(?:@([a-z0-9-]+))?")
_STAMP = "%Y%m%dT%H%M%SZ"


def signed_headers(secret: str, region: str, outgoing: Outgoing) -> Mapping[str, str]:
    """The headers that sign `outgoing` for Bedrock with `ACCESS_KEY_ID:SECRET[:SESSION_TOKEN][@REGION]`.

    `region` is the one that the address names, empty if it names none.

    Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html); a request must
    reach AWS within five minutes of its time. Raises CallFailure `credential`, or `base_url` where no region is known.
    """
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
    except ImportError:
        reason = "AWS keys need botocore: install turnout[bedrock], or use a Bedrock API key as the credential"
        raise misconfigured(reason) from None
    keys, own = _keys(secret)
    region = own or region
    if not region:
        reason = "no AWS region: use bedrock-runtime.REGION.amazonaws.com, or end the credential with @REGION"
        raise misconfigured(reason, fault=Fault.BASE_URL)
    request = AWSRequest(method="POST", url=outgoing.url, data=outgoing.body)
    request.context["timestamp"] = request.headers["X-Amz-Date"] = outgoing.now.strftime(_STAMP)
    if keys.token:
        request.headers["X-Amz-Security-Token"] = keys.token
    signer = SigV4Auth(keys, "bedrock", region)
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"
    )
    return dict(request.headers.items())


def _keys(secret: str) -> tuple["Credentials", str]:
    """The keys, and the region that stands with them."""
    from botocore.credentials import Credentials

    found = _KEYS.fullmatch(secret)
    if found is None:
        form = "ACCESS_KEY_ID:SECRET[:SESSION_TOKEN][@REGION]"
        raise misconfigured(f"the credential is not {form}; a Bedrock API key has no colon")
    key, secret_key, token, region = found.groups()
    return Credentials(key, secret_key, token), region or ""
