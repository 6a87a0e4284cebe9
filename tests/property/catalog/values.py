"""Random values that a valid catalog may consist of."""

from datetime import date, timedelta

from hypothesis import strategies as st

from controlplane.catalog.model import (
    FREE,
    Capability,
    Complexity,
    Deployment,
    DeploymentName,
    Domain,
    Model,
    ModelName,
    Price,
    TaskType,
    Timeouts,
    WireProtocol,
)
from controlplane.policy.model import Selector

names = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=30).filter(
    str.isprintable
)
shares = st.floats(0.0, 1.0, allow_nan=False).map(lambda value: value + 0.0)
nanousd = st.integers(0, 10**15)
spans = st.integers(1_000, 3_600_000_000).map(lambda microseconds: timedelta(microseconds=microseconds))

prices = st.builds(
    Price,
    input_nanousd_per_mtok=nanousd,
    output_nanousd_per_mtok=nanousd,
    cached_input_nanousd_per_mtok=st.none() | nanousd,
    cache_write_nanousd_per_mtok=st.none() | nanousd,
)


def _model(free: bool, price: Price, tokens: tuple[int, int], **rest: object) -> Model:
    smaller, larger = sorted(tokens)
    return Model(free=free, price=FREE if free else price, max_output_tokens=smaller, context_window=larger, **rest)  # type: ignore[arg-type]


models = st.builds(
    _model,
    free=st.booleans(),
    price=prices,
    tokens=st.tuples(st.integers(1, 10**8), st.integers(1, 10**8)),
    name=names.map(ModelName),
    provider=names,
    latency=spans,
    quality=shares,
    tier=names,
    as_of=st.dates(date(1970, 1, 1), date(2999, 12, 31)),
    quality_by_task=st.dictionaries(st.sampled_from(TaskType), shares).map(lambda found: tuple(sorted(found.items()))),
    capabilities=st.frozensets(st.sampled_from(Capability)),
)

timeouts = st.builds(
    Timeouts,
    connect=st.none() | spans,
    first_token=st.none() | spans,
    between_chunks=st.none() | spans,
    total=st.none() | spans,
)

deployments = st.builds(
    Deployment,
    name=names.map(DeploymentName),
    model=names.map(ModelName),
    provider=names,
    protocol=st.sampled_from(WireProtocol),
    base_url=st.sampled_from(["https://api.example.com/v1", "http://127.0.0.1:8080", "http://[::1]:9/x"]),
    credential=st.sampled_from(["", "env:KEY", "file:/run/secrets/key"]),
    provider_model=st.just("") | words,
    region=st.just("") | words,
    weight=st.integers(0, 1_000_000),
    disabled=st.booleans(),
    timeouts=timeouts,
    max_concurrency=st.integers(0, 100_000),
)

selectors = st.builds(
    Selector,
    features=st.frozensets(words, max_size=3).map(lambda found: tuple(sorted(found))),
    labels=st.dictionaries(words, words, max_size=3).map(lambda found: tuple(sorted(found.items()))),
    task_types=st.frozensets(st.sampled_from(TaskType)),
    complexities=st.frozensets(st.sampled_from(Complexity)),
    domains=st.frozensets(st.sampled_from(Domain)),
)
