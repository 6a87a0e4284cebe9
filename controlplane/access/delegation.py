"""On whose behalf a gateway asks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from controlplane.access.model import Caller, Role
from turnout_wire.failure import Failure

FIELD = "on_behalf_of"


class Delegation:
    """Finds the callers that workers ask for, by `TENANT/NAME`, or by a name that only one tenant has.

    Callers are looked through once for each `version` of the snapshot: every change of them makes a new one. Belongs to one event
    loop.
    """

    def __init__(
        self, callers: Callable[[], Iterable[Caller]], version: Callable[[], int], clock: Callable[[], datetime]
    ) -> None:
        self._callers = callers
        self._version = version
        self._clock = clock
        self._seen = -1
        self._known: Mapping[str, list[Caller]] = {}

    def __call__(self, name: str) -> Caller:
        """The caller of that name. Raises Failure: INVALID_FIELD, ACCESS_DENIED."""
        found = [one for one in self._by_name().get(name, ()) if self._lasts(one)]
        if not found:
            told = f"{FIELD}: there is no caller {name!r} with the role {Role.CALLER} whose token is valid now"
            raise Failure("ACCESS_DENIED", told, field=FIELD)
        if len({one.tenant for one in found}) > 1:
            told = f"{FIELD}: several tenants have a caller {name!r}; write TENANT/NAME"
            raise Failure("INVALID_FIELD", told, field=FIELD)
        return found[0]

    def _lasts(self, caller: Caller) -> bool:
        return caller.expires_at is None or caller.expires_at > self._clock()

    def _by_name(self) -> Mapping[str, list[Caller]]:
        version = self._version()
        if version != self._seen:
            known: dict[str, list[Caller]] = {}
            for caller in self._callers():
                if Role.CALLER in caller.roles:
                    known.setdefault(caller.name, []).append(caller)
                    known.setdefault(f"{caller.tenant}/{caller.name}", []).append(caller)
            self._seen, self._known = version, known
        return self._known
