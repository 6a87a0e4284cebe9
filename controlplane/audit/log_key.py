"""The log's own key, in the folder of the signing keys: it signs checkpoints and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controlplane.audit.note import NoteKey, Statement, open_checkpoint, origin_of, sign_note
from controlplane.signing.folder import Folder, KeyFolderError
from controlplane.signing.private_key import from_pem, to_pem
from turnout_wire.ed25519 import Ed25519Signer

PRIVATE, PUBLIC, EARLIER = "audit.pem", "audit.pub", "audit.earlier"
_SCRATCH = ".new"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """Signs checkpoints of one log, and knows whose checkpoints of it are to be believed: its own, and those of earlier keys."""

    key: NoteKey
    signer: Ed25519Signer
    earlier: tuple[NoteKey, ...] = ()

    @property
    def known(self) -> Sequence[NoteKey]:
        """Everything that may have signed."""
        return (self.key, *self.earlier)

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.key.name

    def note(self, size: int, root: bytes) -> str:
        """A signed checkpoint."""
        text = Statement(origin=self.origin, size=size, root=root).text
        return sign_note(text, self.key, lambda message: self.signer.sign(message).value)

    def open(self, note: str) -> Statement:
        """What a checkpoint of this log says. Raises NoteInvalid."""
        return open_checkpoint(note, self.origin, self.known)


def open_log_key(folder: Folder, issuer: str, seed: Callable[[], bytes]) -> LogKey:
    """The key in `audit.pem`, made on the first start; `seed` gives 32 random bytes. `audit.pub` has what verifiers need.

    Replicas have the same file. Whoever replaces it writes what `turnout audit key` said of the old one into
    `audit.earlier`, a line for each key, so that the checkpoints before are still believed.

    Raises KeyFolderError if a file is damaged.
    """
    if PRIVATE not in folder.names():
        _replace(folder, PRIVATE, to_pem(seed()))
    found = read_log_key(folder, issuer)
    public = f"{found.key}\n".encode()
    if PUBLIC not in folder.names() or folder.read(PUBLIC) != public:
        _replace(folder, PUBLIC, public)
    return found


def _replace(folder: Folder, name: str, data: bytes) -> None:
    folder.write(name + _SCRATCH, data)
    folder.rename(name + _SCRATCH, name)
    folder.sync()


def read_log_key(folder: Folder, issuer: str) -> LogKey:
    """The key in `audit.pem`. Raises KeyFolderError if a file is damaged, FileNotFoundError if there is none."""
    try:
        signer = Ed25519Signer(from_pem(folder.read(PRIVATE)))
    except ValueError as error:
        raise KeyFolderError(
            f"{folder.where(PRIVATE)} cannot be read ({error}): restore it; without it nobody can tell this log from a forged one"
        ) from error
    key = NoteKey(name=origin_of(issuer), public_key=signer.public_key)
    return LogKey(key=key, signer=signer, earlier=_earlier(folder))


def _earlier(folder: Folder) -> tuple[NoteKey, ...]:
    if EARLIER not in folder.names():
        return ()
    try:
        return verifier_keys(folder.read(EARLIER).decode())
    except ValueError as error:
        raise KeyFolderError(f"{folder.where(EARLIER)}: {error}; write one verifier key a line") from error


def verifier_keys(text: str) -> tuple[NoteKey, ...]:
    """Verifier keys, one a line. Raises ValueError."""
    return tuple(map(NoteKey.parse, text.split()))
