"""Quality models of a control plane, from outside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.message import Message

from turnout.catalog.v1 import catalog_pb2
from turnout_wire.control_line import ControlLine, M


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFacts:
    """What a good answer must be worth for a workload's target of quality; `loss_ppm` is how far below the reference the prompts were."""

    workload: str
    reference: str
    within_ppm: int
    confidence_ppm: int
    worth_nanousd: int
    models: tuple[str, ...]
    prompts: int
    loss_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityModelFacts:
    """A quality model; `unfit` says why the control plane cannot use it, empty if it can.

    `workloads` are those whose own results it has learned from, `calibrations` the targets that were found for workloads.
    """

    digest: str
    active: bool
    unfit: str
    version: str
    encoder: str
    models: tuple[str, ...]
    size_bytes: int
    imported_at: datetime
    imported_by: str
    workloads: tuple[str, ...]
    calibrations: tuple[CalibrationFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityModels:
    """All that are kept, the latest import first; `history` are digests in use one after the other, "" for none."""

    quality_models: Sequence[QualityModelFacts]
    history: Sequence[str]
    snapshot_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What is in use now, None if nothing is, and the snapshot that has it."""

    quality_model: QualityModelFacts | None
    snapshot_version: int


class QualityAdmin:
    """Calls the part of CatalogService that is about quality models. Every method raises Failure."""

    def __init__(self, line: ControlLine) -> None:
        self._line = line

    async def keep(self, content: bytes) -> QualityModelFacts:
        """Import an artefact."""
        request = catalog_pb2.ImportQualityModelRequest(content=content)
        response = await self._call("ImportQualityModel", request, catalog_pb2.ImportQualityModelResponse)
        return _facts(response.quality_model)

    async def all(self) -> QualityModels:
        """What is kept, and what was in use."""
        request = catalog_pb2.ListQualityModelsRequest()
        response = await self._call("ListQualityModels", request, catalog_pb2.ListQualityModelsResponse)
        return QualityModels(
            quality_models=list(map(_facts, response.quality_models)),
            history=[digest.hex() for digest in response.history],
            snapshot_version=response.snapshot_version,
        )

    async def activate(self, digest: bytes) -> InUse:
        """Use that from now on; none if empty."""
        request = catalog_pb2.ActivateQualityModelRequest(digest=digest)
        return _in_use(await self._call("ActivateQualityModel", request, catalog_pb2.ActivateQualityModelResponse))

    async def roll_back(self) -> InUse:
        """Go back to what was in use before."""
        request = catalog_pb2.RollbackQualityModelRequest()
        return _in_use(await self._call("RollbackQualityModel", request, catalog_pb2.RollbackQualityModelResponse))

    async def _call(self, method: str, request: Message, response: type[M]) -> M:
        return await self._line.call(f"turnout.catalog.v1.CatalogService/{method}", request, response)


def _in_use(response: catalog_pb2.ActivateQualityModelResponse | catalog_pb2.RollbackQualityModelResponse) -> InUse:
    model = _facts(response.quality_model) if response.HasField("quality_model") else None
    return InUse(quality_model=model, snapshot_version=response.snapshot_version)


def _facts(model: catalog_pb2.QualityModel) -> QualityModelFacts:
    return QualityModelFacts(
        digest=model.digest.hex(),
        active=model.active,
        unfit=model.unfit,
        version=model.version,
        encoder=model.encoder,
        models=tuple(model.models),
        size_bytes=model.size_bytes,
        imported_at=model.imported_at.ToDatetime(tzinfo=UTC),
        imported_by=model.imported_by,
        workloads=tuple(model.workloads),
        calibrations=tuple(map(_calibration, model.calibrations)),
    )


def _calibration(found: catalog_pb2.Calibration) -> CalibrationFacts:
    return CalibrationFacts(
        workload=found.workload,
        reference=found.reference,
        within_ppm=found.within_ppm,
        confidence_ppm=found.confidence_ppm,
        worth_nanousd=found.worth_nanousd,
        models=tuple(found.models),
        prompts=found.prompts,
        loss_ppm=found.loss_ppm,
    )
