"""CatalogService."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from controlplane.catalog.commands import CatalogCommands, Tagged
from controlplane.catalog.document.problem import CatalogInvalid
from controlplane.catalog.model import Deployment, Model
from controlplane.rpc.catalog_codec import deployment_from, deployment_message, model_from, model_message
from controlplane.rpc.quality_models import QualityModelCommands, quality_model_message
from controlplane.snapshot.model import Snapshot
from turnout.catalog.v1 import catalog_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Call

T = TypeVar("T")


class CatalogServicer:
    """Reads and changes models, deployments and quality models."""

    def __init__(
        self,
        commands: CatalogCommands,
        quality: QualityModelCommands,
        snapshot: Callable[[], Snapshot],
        *,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        """`changed` publishes a change before the caller hears that it is done."""
        self._commands = commands
        self._quality = quality
        self._snapshot = snapshot
        self._changed = changed

    async def ListModels(self, request: catalog_pb2.ListModelsRequest, call: Call) -> catalog_pb2.ListModelsResponse:
        """A page of models."""
        page = self._commands.list_models(page_size=request.page_size, page_token=request.page_token)
        snapshot = self._snapshot()
        response = catalog_pb2.ListModelsResponse(
            models=[_model(tagged) for tagged in page.entries],
            next_page_token=page.next_page_token,
            snapshot_version=snapshot.version,
        )
        response.snapshot_time.FromDatetime(snapshot.created_at)
        return response

    async def GetModel(self, request: catalog_pb2.GetModelRequest, call: Call) -> catalog_pb2.GetModelResponse:
        """One model."""
        model = _model(self._commands.get_model(request.name))
        return catalog_pb2.GetModelResponse(model=model, snapshot_version=self._version())

    async def CreateModel(self, request: catalog_pb2.CreateModelRequest, call: Call) -> catalog_pb2.CreateModelResponse:
        """Add a model."""
        tagged = await self._told(
            self._commands.create_model(
                model_from(request.model), validate_only=request.validate_only, request_id=request.request_id
            )
        )
        return catalog_pb2.CreateModelResponse(model=_model(tagged), snapshot_version=self._version())

    async def UpdateModel(self, request: catalog_pb2.UpdateModelRequest, call: Call) -> catalog_pb2.UpdateModelResponse:
        """Change a model."""
        tagged = await self._told(
            self._commands.update_model(
                model_from(request.model),
                mask=frozenset(request.update_mask.paths),
                expected_etag=request.model.etag,
                validate_only=request.validate_only,
            )
        )
        return catalog_pb2.UpdateModelResponse(model=_model(tagged), snapshot_version=self._version())

    async def DeleteModel(self, request: catalog_pb2.DeleteModelRequest, call: Call) -> catalog_pb2.DeleteModelResponse:
        """Remove a model."""
        await self._told(
            self._commands.delete_model(request.name, expected_etag=request.etag, validate_only=request.validate_only)
        )
        return catalog_pb2.DeleteModelResponse(snapshot_version=self._version())

    async def ListDeployments(
        self, request: catalog_pb2.ListDeploymentsRequest, call: Call
    ) -> catalog_pb2.ListDeploymentsResponse:
        """A page of deployments."""
        page = self._commands.list_deployments(page_size=request.page_size, page_token=request.page_token)
        snapshot = self._snapshot()
        response = catalog_pb2.ListDeploymentsResponse(
            deployments=[_deployment(tagged) for tagged in page.entries],
            next_page_token=page.next_page_token,
            snapshot_version=snapshot.version,
        )
        response.snapshot_time.FromDatetime(snapshot.created_at)
        return response

    async def GetDeployment(
        self, request: catalog_pb2.GetDeploymentRequest, call: Call
    ) -> catalog_pb2.GetDeploymentResponse:
        """One deployment."""
        deployment = _deployment(self._commands.get_deployment(request.name))
        return catalog_pb2.GetDeploymentResponse(deployment=deployment, snapshot_version=self._version())

    async def CreateDeployment(
        self, request: catalog_pb2.CreateDeploymentRequest, call: Call
    ) -> catalog_pb2.CreateDeploymentResponse:
        """Add a deployment."""
        tagged = await self._told(
            self._commands.create_deployment(
                deployment_from(request.deployment),
                validate_only=request.validate_only,
                request_id=request.request_id,
            )
        )
        return catalog_pb2.CreateDeploymentResponse(deployment=_deployment(tagged), snapshot_version=self._version())

    async def UpdateDeployment(
        self, request: catalog_pb2.UpdateDeploymentRequest, call: Call
    ) -> catalog_pb2.UpdateDeploymentResponse:
        """Change a deployment."""
        tagged = await self._told(
            self._commands.update_deployment(
                deployment_from(request.deployment),
                mask=frozenset(request.update_mask.paths),
                expected_etag=request.deployment.etag,
                validate_only=request.validate_only,
            )
        )
        return catalog_pb2.UpdateDeploymentResponse(deployment=_deployment(tagged), snapshot_version=self._version())

    async def DeleteDeployment(
        self, request: catalog_pb2.DeleteDeploymentRequest, call: Call
    ) -> catalog_pb2.DeleteDeploymentResponse:
        """Remove a deployment."""
        await self._told(
            self._commands.delete_deployment(
                request.name, expected_etag=request.etag, validate_only=request.validate_only
            )
        )
        return catalog_pb2.DeleteDeploymentResponse(snapshot_version=self._version())

    async def ImportQualityModel(
        self, request: catalog_pb2.ImportQualityModelRequest, call: Call
    ) -> catalog_pb2.ImportQualityModelResponse:
        """Keep an artefact."""
        shown = await self._quality.keep(request.content, by=call.principal.name)
        return catalog_pb2.ImportQualityModelResponse(quality_model=quality_model_message(shown))

    async def ListQualityModels(
        self, request: catalog_pb2.ListQualityModelsRequest, call: Call
    ) -> catalog_pb2.ListQualityModelsResponse:
        """All of them."""
        found, shelf = await self._quality.list()
        return catalog_pb2.ListQualityModelsResponse(
            quality_models=[quality_model_message(shown) for shown in found],
            history=[*shelf.history, shelf.active] if shelf.change is not None else [],
            snapshot_version=self._version(),
        )

    async def ActivateQualityModel(
        self, request: catalog_pb2.ActivateQualityModelRequest, call: Call
    ) -> catalog_pb2.ActivateQualityModelResponse:
        """Another one in use, or none."""
        shown = await self._quality.activate(request.digest, by=call.principal.name)
        return catalog_pb2.ActivateQualityModelResponse(
            quality_model=None if shown is None else quality_model_message(shown), snapshot_version=self._version()
        )

    async def RollbackQualityModel(
        self, request: catalog_pb2.RollbackQualityModelRequest, call: Call
    ) -> catalog_pb2.RollbackQualityModelResponse:
        """The one before."""
        shown = await self._quality.roll_back(by=call.principal.name)
        return catalog_pb2.RollbackQualityModelResponse(
            quality_model=None if shown is None else quality_model_message(shown), snapshot_version=self._version()
        )

    def _version(self) -> int:
        return self._snapshot().version

    async def _told(self, change: Awaitable[T]) -> T:
        """What `change` gives, once it is published. Raises Failure with every problem of a refused catalog as a detail."""
        try:
            changed = await change
        except CatalogInvalid as invalid:
            raise _refused(invalid) from invalid
        await self._changed()
        return changed


def _model(tagged: Tagged[Model]) -> catalog_pb2.Model:
    return model_message(tagged.entry, tagged.etag)


def _deployment(tagged: Tagged[Deployment]) -> catalog_pb2.Deployment:
    return deployment_message(tagged.entry, tagged.etag)


def _refused(invalid: CatalogInvalid) -> Failure:
    problems = catalog_pb2.CatalogProblems(
        problems=[
            catalog_pb2.CatalogProblem(
                source=problem.source,
                line=problem.line,
                field=problem.field,
                reason=f"{problem.reason}: {problem.way_out}",
            )
            for problem in invalid.problems
        ]
    )
    return Failure("CATALOG_INVALID", invalid.message, details=(problems,))
