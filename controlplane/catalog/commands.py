"""Changing the catalog through the service: one object for each thing that can be asked."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from controlplane.catalog.canonical import canonical, etag
from controlplane.catalog.document.node import At, node_of
from controlplane.catalog.document.problem import CatalogInvalid, Problem, ProblemKind, Refused
from controlplane.catalog.mask import masked
from controlplane.catalog.model import Deployment, ManagedBy, Model
from controlplane.catalog.page import Page, page_of
from controlplane.catalog.request_ids import RequestIds
from controlplane.catalog.section import DEPLOYMENTS, MODELS, Section
from controlplane.catalog.store import CatalogStore
from turnout_wire.failure import Failure

E = TypeVar("E", Model, Deployment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged(Generic[E]):
    """An entry and its etag, which changes whenever the entry does."""

    entry: E
    etag: str


class ListEntries(Generic[E]):
    """Lists entries by name."""

    def __init__(self, store: CatalogStore, section: Section[E]) -> None:
        self._store = store
        self._section: Section[E] = section

    def __call__(self, *, page_size: int = 0, page_token: str = "") -> Page[Tagged[E]]:
        """One page. Raises Failure PAGE_TOKEN_INVALID."""
        entries = self._section.held(self._store)
        names = page_of(sorted(entries), listing=self._section.listing, size=page_size, token=page_token)
        page = tuple(_tagged(entries[name]) for name in names.entries)
        return Page(entries=page, next_page_token=names.next_page_token)


class GetEntry(Generic[E]):
    """Gets one entry."""

    def __init__(self, store: CatalogStore, section: Section[E]) -> None:
        self._store = store
        self._section: Section[E] = section

    def __call__(self, name: str) -> Tagged[E]:
        """The entry. Raises Failure NOT_FOUND."""
        return _tagged(_find(self._store, self._section, name))


class CreateEntry(Generic[E]):
    """Adds an entry that the service keeps from then on."""

    def __init__(self, store: CatalogStore, section: Section[E]) -> None:
        self._store = store
        self._section: Section[E] = section
        self._requests: RequestIds[Tagged[E]] = RequestIds()

    async def __call__(self, entry: E, *, validate_only: bool = False, request_id: str = "") -> Tagged[E]:
        """The entry as it is kept; only checked if `validate_only`.

        Raises CatalogInvalid, or Failure ALREADY_EXISTS, REQUEST_ID_REUSED.
        """
        async with self._store.turn():
            checked = _checked(self._section, entry)
            content = canonical(checked)
            if done := self._requests.answered(request_id, content):
                return done
            if entry.name in self._section.held(self._store):
                where = self._section.place(self._store, entry.name)
                message = f"there is a {self._section.noun} `{entry.name}` in {where}: change that one, or choose another name"
                raise Failure("ALREADY_EXISTS", message, field=f"{self._section.noun}.name")
            kept = await _keep(self._store, self._section, checked, validate_only=validate_only)
            if not validate_only:
                self._requests.remember(request_id, content, kept)
            return kept


class UpdateEntry(Generic[E]):
    """Changes an entry that the service keeps."""

    def __init__(self, store: CatalogStore, section: Section[E]) -> None:
        self._store = store
        self._section: Section[E] = section

    async def __call__(
        self, entry: E, *, mask: Collection[str] = (), expected_etag: str = "", validate_only: bool = False
    ) -> Tagged[E]:
        """The entry of that name with the fields of `mask` as in `entry`, all of them if the mask is empty.

        Raises CatalogInvalid, or Failure NOT_FOUND, MANAGED_BY_FILE, ETAG_MISMATCH, INVALID_FIELD.
        """
        async with self._store.turn():
            old = _find_own(self._store, self._section, entry.name, expected_etag)
            new = _checked(self._section, masked(old, entry, mask, self._section.nested))
            return await _keep(self._store, self._section, new, validate_only=validate_only)


class DeleteEntry(Generic[E]):
    """Removes an entry that the service keeps and that nothing refers to."""

    def __init__(self, store: CatalogStore, section: Section[E]) -> None:
        self._store = store
        self._section: Section[E] = section

    async def __call__(self, name: str, *, expected_etag: str = "", validate_only: bool = False) -> None:
        """Remove it; only check if `validate_only`.

        Raises CatalogInvalid (with the places that refer to it), or Failure NOT_FOUND, MANAGED_BY_FILE, ETAG_MISMATCH.
        """
        async with self._store.turn():
            _find_own(self._store, self._section, name, expected_etag)
            overlay = self._store.overlay
            rest = {other: entry for other, entry in self._section.kept(overlay).items() if other != name}
            await self._store.change(self._section.with_kept(overlay, rest), validate_only=validate_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogCommands:
    """Everything that can be asked of one catalog."""

    list_models: ListEntries[Model]
    get_model: GetEntry[Model]
    create_model: CreateEntry[Model]
    update_model: UpdateEntry[Model]
    delete_model: DeleteEntry[Model]
    list_deployments: ListEntries[Deployment]
    get_deployment: GetEntry[Deployment]
    create_deployment: CreateEntry[Deployment]
    update_deployment: UpdateEntry[Deployment]
    delete_deployment: DeleteEntry[Deployment]


def catalog_commands(store: CatalogStore) -> CatalogCommands:
    """The commands on `store`."""
    return CatalogCommands(
        list_models=ListEntries(store, MODELS),
        get_model=GetEntry(store, MODELS),
        create_model=CreateEntry(store, MODELS),
        update_model=UpdateEntry(store, MODELS),
        delete_model=DeleteEntry(store, MODELS),
        list_deployments=ListEntries(store, DEPLOYMENTS),
        get_deployment=GetEntry(store, DEPLOYMENTS),
        create_deployment=CreateEntry(store, DEPLOYMENTS),
        update_deployment=UpdateEntry(store, DEPLOYMENTS),
        delete_deployment=DeleteEntry(store, DEPLOYMENTS),
    )


def _tagged(entry: E) -> Tagged[E]:
    return Tagged(entry=entry, etag=etag(entry))


def _find(store: CatalogStore, section: Section[E], name: str) -> E:
    entry = section.held(store).get(name)
    if entry is None:
        message = f"there is no {section.noun} `{name[:120]}`: list the {section.listing} to see their names"
        raise Failure("NOT_FOUND", message, field="name")
    return entry


def _find_own(store: CatalogStore, section: Section[E], name: str, expected_etag: str) -> E:
    """The entry, if the service keeps it and it is as the caller knows it."""
    entry = _find(store, section, name)
    if entry.managed_by is not ManagedBy.API:
        where = section.place(store, name)
        message = (
            f"the {section.noun} `{name}` is kept in {where}: change it there, or in turnout.yaml under the same name"
        )
        raise Failure("MANAGED_BY_FILE", message, metadata={"place": where})
    if expected_etag and expected_etag != etag(entry):
        message = f"the {section.noun} `{name}` changed since: get it again and repeat the change on what it is now"
        raise Failure("ETAG_MISMATCH", message, field="etag", metadata={"etag": etag(entry)})
    return entry


def _checked(section: Section[E], entry: E) -> E:
    """`entry` as a document gives it back: in range, in normal order, nothing said twice. Raises CatalogInvalid."""
    at = At(source="api", path=section.noun, line=0, node=node_of(section.write(entry)))
    by_task = getattr(entry, "quality_by_task", ())
    if len(dict(by_task)) < len(by_task):
        reason = "a task type is named twice"
        problem = at.down("quality_by_task").problem(ProblemKind.DUPLICATE_KEY, reason, "name each once")
        raise CatalogInvalid([problem])
    try:
        return replace(section.read(at), managed_by=ManagedBy.API)
    except Refused as refused:
        raise CatalogInvalid(refused.problems) from refused


async def _keep(store: CatalogStore, section: Section[E], entry: E, *, validate_only: bool) -> Tagged[E]:
    """Keep `entry` in place of the one of the same name. Raises CatalogInvalid."""
    kept = {**section.kept(store.overlay), entry.name: entry}
    try:
        await store.change(section.with_kept(store.overlay, kept), validate_only=validate_only)
    except CatalogInvalid as invalid:
        here = f"{section.listing}[{sorted(kept).index(entry.name)}]"
        raise CatalogInvalid([_in_request(problem, here, section.noun) for problem in invalid.problems]) from invalid
    return _tagged(entry)


def _in_request(problem: Problem, here: str, noun: str) -> Problem:
    """A problem of the entry that is asked for, under the name that it has in the request."""
    if problem.source != "api" or not problem.field.startswith(here):
        return problem
    return replace(problem, field=noun + problem.field.removeprefix(here))
