"""A prefix in a bucket of an object store: S3 and what speaks like it, Google Cloud Storage, Azure."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig, S3CredentialProvider

SCHEMES = ("s3", "gs", "az")
_TYPES = {".gz": "application/gzip", ".json": "application/json"}


class BucketUnavailable(Exception):
    """The bucket cannot be used; the message says what to do, in one line and without a secret."""


class Bucket(Protocol):
    """Objects below a prefix, by their names there. Everything raises BucketUnavailable."""

    async def names(self) -> Sequence[str]:
        """All of them, in order."""
        ...

    async def get(self, name: str, most: int = 0) -> bytes | None:
        """An object, or its first `most` bytes if given; None if it is not there."""
        ...

    async def create(self, name: str, data: bytes) -> bool:
        """Make an object, at once and whole; False, and nothing is changed, if it is there already."""
        ...


def is_bucket(target: str) -> bool:
    """Whether this names a bucket, not a file. Raises ValueError if it is the address of something else."""
    scheme, separator, rest = target.partition("://")
    if not separator:
        return False
    if scheme not in SCHEMES or not rest.partition("/")[0]:
        raise ValueError(f"{target}: give a file, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX")
    return True


def open_bucket(url: str, *, profile: str = "") -> Bucket:
    """The prefix that `url` names. Nothing is asked of the store yet.

    Where it is and who we are the library reads from the environment (AWS_*, GOOGLE_*, AZURE_*) or has from the machine;
    `profile` names what ~/.aws knows instead. Raises BucketUnavailable.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise BucketUnavailable(f"{url}: object stores need obstore; install turnout[objects]") from error
    # Options for the HTTP client, given here, would override those of the environment, such as AWS_ALLOW_HTTP.
    retries: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
    try:
        if profile and url.startswith("s3:"):
            found = from_url(url, retry_config=retries, credential_provider=_of_profile(url, profile))
        else:
            found = from_url(url, retry_config=retries)
    except (BaseError, ValueError) as error:
        _refuse(url, error)
    return _ObjectBucket(found, url)


def _of_profile(url: str, profile: str) -> "S3CredentialProvider":
    try:
        import boto3
        import botocore.exceptions
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        way = f'eval "$(aws configure export-credentials --profile {profile} --format env)"'
        raise BucketUnavailable(f"{url}: AWS_PROFILE needs boto3; install it, or run {way}") from error
    try:
        return Boto3CredentialProvider(boto3.Session(profile_name=profile))
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise BucketUnavailable(f"{url}: AWS_PROFILE={profile}: {error}") from error


class _ObjectBucket:
    """See Bucket."""

    def __init__(self, store: "ObjectStore", url: str) -> None:
        self._store = store
        self._url = url

    async def names(self) -> Sequence[str]:
        """See Bucket."""
        from obstore.exceptions import BaseError

        found: list[str] = []
        try:
            async for group in self._store.list():
                found += [one["path"] for one in group]
        except (BaseError, OSError) as error:
            _refuse(self._url, error)
        return sorted(found)

    async def get(self, name: str, most: int = 0) -> bytes | None:
        """See Bucket."""
        from obstore.exceptions import BaseError

        try:
            if most:
                return bytes(await self._store.get_range_async(name, start=0, length=most))
            return bytes(await (await self._store.get_async(name)).bytes_async())
        except FileNotFoundError as error:
            return None if _code(error) not in _NO_BUCKET else _refuse(self._url, error)
        except (BaseError, OSError) as error:
            _refuse(self._url, error)

    async def create(self, name: str, data: bytes) -> bool:
        """See Bucket."""
        from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError

        try:
            await self._put(name, data, only_new=True)
        except AlreadyExistsError:
            return False
        except (NotSupportedError, NotImplementedError):
            return await self._create_unconditionally(name, data)
        except (BaseError, OSError) as error:
            if _status(error) != _NOT_IMPLEMENTED:
                _refuse(self._url, error)
            return await self._create_unconditionally(name, data)
        return True

    async def _create_unconditionally(self, name: str, data: bytes) -> bool:
        """For stores that know no conditions: two writers at the same moment would both write the same range."""
        from obstore.exceptions import BaseError

        if await self.get(name, 1) is not None:
            return False
        try:
            await self._put(name, data, only_new=False)
        except (BaseError, OSError) as error:
            _refuse(self._url, error)
        return True

    async def _put(self, name: str, data: bytes, *, only_new: bool) -> None:
        kind = next((kind for end, kind in _TYPES.items() if name.endswith(end)), "application/octet-stream")
        await self._store.put_async(
            name,
            data,
            attributes={"Content-Type": kind},
            mode="create" if only_new else "overwrite",
            use_multipart=False,
        )


_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
_NOT_IMPLEMENTED = 501
_NOBODY = re.compile(
    r"Missing (?:AccessKeyId|SecretAccessKey)|/latest/(?:api|meta-data)|metadata\.google|169\.254\.169\.254|/identity/oauth2|/msi/token"
)
"""Half of a key, or where a machine is asked who it is when the environment does not say."""


def _refuse(url: str, error: Exception) -> NoReturn:
    raise BucketUnavailable(f"{url}: {_told(url[:2], str(error), _code(error), _status(error))}") from error


_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_KEY, or AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID",
}


def _told(scheme: str, text: str, code: str, status: int) -> str:
    """What the library said, as one line that says what to do."""
    if code in _NO_BUCKET or ("://storage.googleapis" in text and status == 404):
        return "the bucket is not there: make it first, or correct its name"
    if _NOBODY.search(text):
        return f"no credentials: set {_CREDENTIALS[scheme]}, or run where the machine has a role"
    if status in (401, 403):
        return f"the store refuses these credentials ({code or status}): they may list, get and put below this prefix?"
    if "scheme is not allowed" in text or "BadScheme" in text:
        return "its endpoint is not https: set AWS_ALLOW_HTTP=true if that is meant"
    if "Account must be specified" in text:
        return "set AZURE_STORAGE_ACCOUNT_NAME"
    # A query may carry a signature.
    first = re.sub(r"\?\S*", "", text.partition("\n")[0]).strip(" :")
    return f"{first} {code}".strip() + ("; is the endpoint right, and reached?" if "HTTP error" in first else "")


def _code(error: Exception) -> str:
    found = re.search(r"<Code>(\w+)</Code>", str(error))
    return found[1] if found else ""


def _status(error: Exception) -> int:
    found = re.search(r"status code: (\d{3})", str(error))
    return int(found[1]) if found else 0
