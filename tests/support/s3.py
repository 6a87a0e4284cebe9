"""An S3 server over HTTP, as a process of its own, and plain requests to look at what it keeps."""

import hashlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

_SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3:
    """A server that runs. It asks nobody who they are unless it is told to."""

    address: str

    @property
    def variables(self) -> Mapping[str, str]:
        """What a client of it has in its environment."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "an-id",
            "AWS_SECRET_ACCESS_KEY": "a-secret-that-is-never-told",
            "AWS_REGION": "us-east-1",
            # Nobody is to ask the machine who it is.
            "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",
        }

    def request(self, method: str, path: str, data: bytes = b"") -> bytes:
        """A request whose signature nobody looks at."""
        who = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=an-id/20260101/us-east-1/s3/aws4_request",
            "Content-Type": "application/octet-stream",
        }
        asked = urllib.request.Request(f"{self.address}/{path}", data or None, who, method=method)  # noqa: S310 - our own
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
            found: bytes = answer.read()
            return found

    def make(self, bucket: str) -> str:
        """An empty bucket."""
        self.request("PUT", bucket)
        return bucket


@contextmanager
def s3_server() -> Iterator[S3]:
    """A server while inside."""
    command = [sys.executable, "-c", _SERVE]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield S3(address=f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()
            assert process.wait(20) == 0


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """The server of this session; each test makes its own bucket."""
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(s3: S3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, and an environment that leads to it and nowhere else."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    return s3.make(f"bucket-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}")
