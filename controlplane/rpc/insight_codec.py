"""Figures for the wire, and what is asked about them."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from controlplane.catalog.model import Complexity, TaskType
from controlplane.insight.figures import Figures, Share, share
from controlplane.insight.report import Dimension, Filters, Group
from controlplane.insight.segments import Segment
from controlplane.insight.sketch import Spread
from controlplane.rpc.enums import COMPLEXITIES, COMPLEXITY, TASK_TYPE, TASK_TYPES
from turnout.catalog.v1 import catalog_pb2
from turnout.insight.v1 import insight_pb2
from turnout_wire.times import duration

MILLION = 1_000_000
DIMENSIONS: Mapping[int, Dimension] = MappingProxyType(
    {insight_pb2.Dimension.Value(f"DIMENSION_{dimension.name}"): dimension for dimension in Dimension}
)


def filters_from(message: insight_pb2.Filter, tenant: str | None) -> Filters:
    """What is asked for; `tenant` is the only one that may be seen, None if all may. Who asks for others alone sees nothing."""
    asked: Filters = {
        Dimension.WORKLOAD: tuple(message.workloads),
        Dimension.OWNER: tuple(message.owners),
        Dimension.FEATURE: tuple(message.features),
        Dimension.MODEL: tuple(message.models),
        Dimension.DEPLOYMENT: tuple(message.deployments),
        Dimension.TASK_TYPE: tuple(_word(TASK_TYPES, number) for number in message.task_types),
        Dimension.COMPLEXITY: tuple(_word(COMPLEXITIES, number) for number in message.complexities),
        Dimension.TENANT: tuple(message.tenants),
    }
    found = {dimension: values for dimension, values in asked.items() if values}
    if tenant is not None:
        found[Dimension.TENANT] = (tenant,) if tenant in found.get(Dimension.TENANT, (tenant,)) else ()
    return found


def row_message(group_by: Sequence[Dimension], group: Group, figures: Figures, decided: int) -> insight_pb2.Row:
    """A group; `decided` is how many decisions there are in all."""
    return insight_pb2.Row(group=_group(group_by, group), figures=figures_message(figures, decided))


def figures_message(figures: Figures, decided: int) -> insight_pb2.Figures:
    """Counts as they are, and the shares that follow from them."""
    executed, made = figures["executed"], figures["decided"]
    confidence = share(figures["confidence_ppm"] / MILLION, made)
    return insight_pb2.Figures(
        requests=figures.requests,
        decided=made,
        refused=figures["refused"],
        refusals=_counts(figures.tallied("refusal")),
        executed=executed,
        succeeded=figures["succeeded"],
        successful=figures["successful"],
        success_rate=share(figures["successful"], executed),
        route_share=share(made, decided),
        fallback_rate=share(figures["fallbacks"], executed),
        escalation_rate=share(figures["escalations"], executed),
        low_confidence_rate=share(figures["low_confidence"], made),
        mean_confidence=confidence,
        cost_nanousd=figures["cost_nanousd"],
        estimated_cost_nanousd=figures["estimated_nanousd"],
        cost_per_successful_nanousd=figures.cost_per_successful_nanousd,
        baseline_cost_nanousd=figures["baseline_nanousd"],
        savings_nanousd=figures.savings_nanousd,
        savings_rate=share(figures.savings_nanousd, figures["baseline_nanousd"]),
        input_tokens=figures["input_tokens"],
        output_tokens=figures["output_tokens"],
        latency=_percentiles(figures.latency),
        time_to_first_token=_percentiles(figures.first_token),
        quality=_quality(figures.quality),
        labels=_counts(figures.tallied("label")),
        signals=_counts(figures.tallied("signal")),
        calls=figures["calls"],
        failed_calls=figures["failed_calls"],
        errors=_counts(figures.tallied("error")),
        adopted=figures["adopted"],
    )


def segment_message(segment: Segment) -> insight_pb2.Segment:
    """What was learned."""
    return insight_pb2.Segment(
        workload=segment.workload,
        task_type=_task_type(segment.task_type),
        complexity=_complexity(segment.complexity),
        model=segment.model,
        decided=segment.decided,
        executed=segment.executed,
        success=_share(segment.success),
        mean_cost_nanousd=_rounded(segment.mean_cost_nanousd),
        cost_per_successful_nanousd=_rounded(segment.cost_per_successful_nanousd),
        latency=_percentiles(segment.latency),
        time_to_first_token=_percentiles(segment.first_token),
        quality=_share(segment.quality),
        mean_output_tokens=segment.mean_output_tokens,
    )


def _group(group_by: Sequence[Dimension], values: Group) -> insight_pb2.Group:
    message = insight_pb2.Group()
    for dimension, value in zip(group_by, values, strict=True):
        match dimension:
            case Dimension.TIME:
                message.begins.FromSeconds(int(value))
            case Dimension.TASK_TYPE:
                message.task_type = _task_type(str(value))
            case Dimension.COMPLEXITY:
                message.complexity = _complexity(str(value))
            case _:
                setattr(message, dimension.value, str(value))
    return message


def _task_type(word: str) -> catalog_pb2.TaskType.ValueType:
    number: catalog_pb2.TaskType.ValueType = TASK_TYPE[TaskType(word)] if word else catalog_pb2.TASK_TYPE_UNSPECIFIED
    return number


def _complexity(word: str) -> catalog_pb2.Complexity.ValueType:
    number: catalog_pb2.Complexity.ValueType = (
        COMPLEXITY[Complexity(word)] if word else catalog_pb2.COMPLEXITY_UNSPECIFIED
    )
    return number


def _word(words: Mapping[int, str], number: int) -> str:
    """As rollups have it: empty where it is not known."""
    return str(words[number]) if number in words else ""


def _counts(found: Iterable[tuple[str, int]]) -> list[insight_pb2.Count]:
    return [insight_pb2.Count(name=name, count=count) for name, count in found]


def _percentiles(found: Spread | None) -> insight_pb2.Percentiles | None:
    if found is None:
        return None
    return insight_pb2.Percentiles(
        count=found.count,
        mean=duration(found.mean),
        p50=duration(found.p50),
        p90=duration(found.p90),
        p99=duration(found.p99),
    )


def _quality(found: Share | None) -> insight_pb2.Quality | None:
    if found is None:
        return None
    return insight_pb2.Quality(count=round(found.observations), mean=found.mean, low=found.low, high=found.high)


def _share(found: Share | None) -> insight_pb2.Share | None:
    if found is None:
        return None
    return insight_pb2.Share(observations=found.observations, mean=found.mean, low=found.low, high=found.high)


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
