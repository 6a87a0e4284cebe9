"""Models and deployments as two sections that the same commands work on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from controlplane.catalog.document.node import Plain
from controlplane.catalog.document.read import Reader
from controlplane.catalog.entry import read_deployment, read_model, write_deployment, write_model
from controlplane.catalog.model import Deployment, Model
from controlplane.catalog.overlay import Overlay
from controlplane.catalog.store import CatalogStore

E = TypeVar("E", Model, Deployment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Generic[E]):
    """What commands need to know of a kind of entry; `nested` are its fields that have fields themselves."""

    noun: str
    listing: str
    nested: frozenset[str]
    held: Callable[[CatalogStore], Mapping[str, E]]
    kept: Callable[[Overlay], Mapping[str, E]]
    with_kept: Callable[[Overlay, Mapping[str, E]], Overlay]
    place: Callable[[CatalogStore, str], str]
    read: Reader[E]
    write: Callable[[E], Mapping[str, Plain]]


def _held_models(store: CatalogStore) -> Mapping[str, Model]:
    return {str(name): model for name, model in store.current.models.items()}


def _held_deployments(store: CatalogStore) -> Mapping[str, Deployment]:
    return {str(deployment.name): deployment for deployment in store.current.deployments}


MODELS: Section[Model] = Section(
    noun="model",
    listing="models",
    nested=frozenset({"price"}),
    held=_held_models,
    kept=lambda overlay: overlay.models,
    with_kept=lambda overlay, models: replace(overlay, models=models),
    place=CatalogStore.model_place,
    read=read_model,
    write=write_model,
)

DEPLOYMENTS: Section[Deployment] = Section(
    noun="deployment",
    listing="deployments",
    nested=frozenset({"timeouts"}),
    held=_held_deployments,
    kept=lambda overlay: overlay.deployments,
    with_kept=lambda overlay, deployments: replace(overlay, deployments=deployments),
    place=CatalogStore.deployment_place,
    read=read_deployment,
    write=write_deployment,
)
