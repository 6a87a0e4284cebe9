"""Pictures by address."""

import base64
import binascii
import re

from dataplane.chat.model import Image
from dataplane.gateway.model import BadRequest

_DATA = re.compile(r"data:(image/[a-z0-9.+-]{1,64})(?:;[^,;]*)*;base64,", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def picture(url: str, path: str) -> Image:
    """The picture at a `data:` or `https:` address. Raises BadRequest for any other, naming `path`."""
    if url[:8].lower() == "https://" and len(url) > 8:
        return Image(url=url)
    if url[:5].lower() != "data:":
        raise BadRequest(
            path, "must be an https address or a data: URL with base64; send the picture as one of the two"
        )
    start = _DATA.match(url)
    if start is None:
        raise BadRequest(path, "must be written as data:image/png;base64,... (or another image type)")
    try:
        data = base64.b64decode(_SPACE.sub("", url[start.end() :]), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(path, "is no base64; encode the picture's bytes with the standard alphabet") from None
    if not data:
        raise BadRequest(path, "holds no picture; put its bytes behind the comma")
    return Image(data=data, media_type=start[1].lower())
