"""The part of CatalogService that is about quality models."""

from dataclasses import dataclass

from controlplane.learned.commands import (
    ActivateQualityModel,
    ImportQualityModel,
    ListQualityModels,
    RollbackQualityModel,
    Shown,
)
from controlplane.learned.model import Change
from controlplane.learning.model import Calibration
from turnout.audit.v1 import record_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout_wire.times import timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityModelCommands:
    """The use cases that the service calls."""

    keep: ImportQualityModel
    list: ListQualityModels
    activate: ActivateQualityModel
    roll_back: RollbackQualityModel


def quality_model_message(shown: Shown) -> catalog_pb2.QualityModel:
    """A quality model as it stands."""
    model = shown.model
    return catalog_pb2.QualityModel(
        digest=model.digest,
        version=model.version,
        encoder=model.encoder,
        models=model.models,
        size_bytes=model.size_bytes,
        imported_at=timestamp(model.imported_at),
        imported_by=model.imported_by,
        active=shown.active,
        unfit=shown.unfit,
        workloads=model.workloads,
        calibrations=map(_calibration_message, model.calibrations),
    )


def _calibration_message(found: Calibration) -> catalog_pb2.Calibration:
    return catalog_pb2.Calibration(
        workload=found.workload,
        reference=found.reference,
        within_ppm=found.within_ppm,
        confidence_ppm=found.confidence_ppm,
        worth_nanousd=found.worth_nanousd,
        models=found.models,
        prompts=found.prompts,
        loss_ppm=found.loss_ppm,
    )


def quality_model_record(change: Change) -> bytes:
    """The body of the entry of an activation."""
    record = record_pb2.QualityModelRecord(
        digest=change.digest,
        before=change.before,
        rollback=change.rollback,
        changed_by=change.by,
        changed_at=timestamp(change.at),
    )
    return record.SerializeToString(deterministic=True)
