"""Models and deployments as entries of a document: read with every problem, written back exactly."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from controlplane.catalog.document.node import At, Plain
from controlplane.catalog.document.problem import Problem, ProblemKind, Refused
from controlplane.catalog.document.read import Field, each, mapped, optional, record, required
from controlplane.catalog.document.scalar import (
    day,
    duration,
    duration_text,
    flag,
    integer,
    name_like,
    number_text,
    share,
    text_or_empty,
    usd,
    usd_text,
    word_of,
)
from controlplane.catalog.model import (
    FREE,
    Alias,
    Capability,
    Deployment,
    DeploymentName,
    Model,
    ModelName,
    Price,
    TaskType,
    Timeouts,
    WireProtocol,
)

MAX_USD_PER_MTOK = 1_000_000
MAX_TOKENS = 100_000_000
MAX_CONCURRENCY = 100_000
MAX_WEIGHT = 1_000_000
MAX_CREDENTIALS = 32
SHORTEST = timedelta(milliseconds=1)
LONGEST = timedelta(hours=1)

_LOWER = "lower case letters, digits, `.`, `_` and `-`, a letter or digit first"
model_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "model", _LOWER)
deployment_name = name_like(r"[a-z0-9][a-z0-9._/-]{0,126}", "deployment", _LOWER + ", and `/`")
alias_name = name_like(
    r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,126}",
    "alias",
    "letters, digits, `.`, `_`, `:`, `/` and `-`, a letter or digit first",
)
provider_name = name_like(r"[a-z][a-z0-9_-]{0,62}", "provider", "lower case letters, digits, `_` and `-`")
_tier = name_like(r"[a-z][a-z0-9_-]{0,30}", "tier", "lower case letters, digits, `_` and `-`")
_price = usd(MAX_USD_PER_MTOK)
_tokens = integer(1, MAX_TOKENS)
_limit = duration(SHORTEST, LONGEST)

PRICE_FIELDS: Mapping[str, str] = {
    "input_usd_per_mtok": "input_nanousd_per_mtok",
    "output_usd_per_mtok": "output_nanousd_per_mtok",
    "cached_input_usd_per_mtok": "cached_input_nanousd_per_mtok",
    "cache_write_usd_per_mtok": "cache_write_nanousd_per_mtok",
}

MODEL_FIELDS: Mapping[str, Field] = {
    "name": required(model_name),
    "provider": required(provider_name),
    **dict.fromkeys(PRICE_FIELDS, optional(_price)),
    "free": optional(flag),
    "context_window": required(_tokens),
    "max_output_tokens": optional(_tokens),
    "latency": required(_limit),
    "quality": required(share),
    "quality_by_task": optional(mapped(word_of(TaskType, "task type"), share, limit=len(TaskType))),
    "capabilities": optional(each(word_of(Capability, "capability"), limit=len(Capability))),
    "tier": required(_tier),
    "as_of": required(day),
}


def read_model(at: At) -> Model:
    """The model at `at`. Raises Refused."""
    fields = record(at, MODEL_FIELDS, noun="model")
    price = _read_price(at, fields)
    capabilities = frozenset(fields.get("capabilities", ()))
    longest = fields.get("max_output_tokens", 1 if Capability.EMBEDDINGS in capabilities else None)
    if longest is None:
        reason = "a model needs `max_output_tokens`"
        raise at.refuse(
            ProblemKind.MISSING_FIELD, reason, "add it; only models with the capability `embeddings` do without"
        )
    if longest > fields["context_window"]:
        raise at.down("context_window").refuse(
            ProblemKind.CONTEXT_TOO_SMALL,
            f"a context window of {fields['context_window']} cannot hold {longest} output tokens",
            "`context_window` counts input and output together: raise it, or lower `max_output_tokens`",
        )
    return Model(
        name=ModelName(fields["name"]),
        provider=fields["provider"],
        price=price,
        context_window=fields["context_window"],
        max_output_tokens=longest,
        latency=fields["latency"],
        quality=fields["quality"],
        tier=fields["tier"],
        as_of=fields["as_of"],
        free=fields.get("free", False),
        quality_by_task=tuple(sorted(fields.get("quality_by_task", {}).items())),
        capabilities=capabilities,
    )


def _read_price(at: At, fields: Mapping[str, Any]) -> Price:
    given = {attribute: fields[name] for name, attribute in PRICE_FIELDS.items() if name in fields}
    if fields.get("free", False):
        if any(given.values()):
            way_out = "remove `free`, or the prices"
            raise at.down("free").refuse(ProblemKind.PRICE_CONTRADICTS, "a free model has a price", way_out)
        return FREE
    missing = [name for name in list(PRICE_FIELDS)[:2] if name not in fields]
    if missing:
        raise at.refuse(
            ProblemKind.PRICE_MISSING,
            f"`{fields['name']}` has no {' and no '.join(f'`{name}`' for name in missing)}",
            "add it, or say `free: true`",
        )
    return Price(**given)


def base_url(at: At) -> str:
    """The address of a provider: http or https, a host, no credential, no query."""
    written = text_or_empty(at)
    parts = _split(written)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        way_out = "write an address like `https://api.example.com/v1`"
        raise at.refuse(ProblemKind.BAD_URL, "this is no http or https address", way_out)
    if parts.username is not None or parts.password is not None:
        # The address is not repeated in the reason: logs must not have the credential.
        way_out = "remove it, and refer to it by `credential: env:NAME`"
        raise at.refuse(ProblemKind.CREDENTIAL_WRITTEN_OUT, "the address has a credential in it", way_out)
    if parts.query or parts.fragment or re.search(r"\s", written):
        raise at.refuse(ProblemKind.BAD_URL, "the address has a query, a fragment or a blank", "end it with the path")
    return written


def _split(written: str) -> SplitResult | None:
    try:
        parts = urlsplit(written)
        _ = parts.port
    except ValueError:
        return None
    return parts


def credential(at: At) -> str:
    """A reference to a credential, `env:NAME` or `file:/path`, or `""` for none."""
    written = text_or_empty(at)
    if written and not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+", written):
        raise at.refuse(
            ProblemKind.CREDENTIAL_WRITTEN_OUT,
            "this is no reference to a credential",
            "put the credential where workers find it and write `env:NAME` or `file:/path`; if it was real, replace it",
        )
    return written


def _one_credential(at: At) -> str:
    written = credential(at)
    if not written:
        raise at.refuse(ProblemKind.CREDENTIAL_WRITTEN_OUT, "there is nothing here", "write `env:NAME` or `file:/path`")
    return written


TIMEOUT_FIELDS: Mapping[str, Field] = {
    name: optional(_limit) for name in ("connect", "first_token", "between_chunks", "total")
}


def _timeouts(at: At) -> Timeouts:
    return Timeouts(**record(at, TIMEOUT_FIELDS, noun="timeouts table"))


DEPLOYMENT_FIELDS: Mapping[str, Field] = {
    "name": required(deployment_name),
    "model": required(model_name),
    "provider": required(provider_name),
    "protocol": required(word_of(WireProtocol, "protocol")),
    "base_url": required(base_url),
    "credential": optional(credential),
    "more_credentials": optional(each(_one_credential, limit=MAX_CREDENTIALS)),
    "api_version": optional(text_or_empty),
    "provider_model": optional(text_or_empty),
    "region": optional(text_or_empty),
    "weight": optional(integer(0, MAX_WEIGHT)),
    "disabled": optional(flag),
    "timeouts": optional(_timeouts),
    "max_concurrency": optional(integer(0, MAX_CONCURRENCY)),
}


def read_deployment(at: At) -> Deployment:
    """The deployment at `at`. Raises Refused."""
    fields = record(at, DEPLOYMENT_FIELDS, noun="deployment")
    found = [problem for name, limit in _LONGEST_TEXT.items() if (problem := _too_long(at, fields, name, limit))]
    if found:
        raise Refused(*found)
    if fields.get("more_credentials") and not fields.get("credential"):
        reason, way_out = (
            "`more_credentials` stand beside a `credential`, and there is none",
            "name the first one there",
        )
        raise at.down("more_credentials").refuse(ProblemKind.MISSING_FIELD, reason, way_out)
    return Deployment(**{**fields, "name": DeploymentName(fields["name"]), "model": ModelName(fields["model"])})


_LONGEST_TEXT = {"provider_model": 256, "region": 64, "api_version": 64}


def _too_long(at: At, fields: Mapping[str, Any], name: str, limit: int) -> Problem | None:
    length = len(fields.get(name, ""))
    if length <= limit:
        return None
    return at.down(name).problem(ProblemKind.TOO_LONG, f"`{name}` has {length} characters", f"keep it to {limit}")


def write_model(model: Model) -> dict[str, Plain]:
    """The entry that `read_model` makes the same model of; `managed_by` belongs to the document, not to the entry."""
    plain: dict[str, Plain] = {"name": model.name, "provider": model.provider}
    if model.free:
        plain["free"] = True
    if not model.free or model.price != FREE:
        prices = {name: getattr(model.price, attribute) for name, attribute in PRICE_FIELDS.items()}
        plain |= {name: usd_text(price) for name, price in prices.items() if price is not None}
    return plain | {
        "context_window": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "latency": duration_text(model.latency),
        "quality": number_text(model.quality),
        "quality_by_task": {task.value: number_text(quality) for task, quality in sorted(model.quality_by_task)},
        "capabilities": sorted(model.capabilities),
        "tier": model.tier,
        "as_of": model.as_of.isoformat(),
    }


def write_deployment(deployment: Deployment) -> dict[str, Plain]:
    """The entry that `read_deployment` makes the same deployment of."""
    limits = {name: getattr(deployment.timeouts, name) for name in TIMEOUT_FIELDS}
    return {
        "name": deployment.name,
        "model": deployment.model,
        "provider": deployment.provider,
        "protocol": deployment.protocol.value,
        "base_url": deployment.base_url,
        "credential": deployment.credential,
        "more_credentials": list(deployment.more_credentials),
        "api_version": deployment.api_version,
        "provider_model": deployment.provider_model,
        "region": deployment.region,
        "weight": deployment.weight,
        "disabled": deployment.disabled,
        "timeouts": {name: duration_text(limit) for name, limit in limits.items() if limit is not None},
        "max_concurrency": deployment.max_concurrency,
    }


AUTO = "auto"
"""What asks for any model that fits; followed by a colon and a workload, as a request of that workload."""


def _alias_name(at: At) -> str:
    written = alias_name(at)
    if written == AUTO or written.startswith(f"{AUTO}:"):
        reason = f"`{written[:60]}` always asks for free routing"
        raise at.refuse(ProblemKind.BAD_NAME, reason, "give the alias another name")
    return written


ALIAS_FIELDS: Mapping[str, Field] = {"name": required(_alias_name), "target": required(text_or_empty)}


def read_alias(at: At) -> Alias:
    """The alias at `at`; whether its target exists is not looked at. Raises Refused."""
    return Alias(**record(at, ALIAS_FIELDS, noun="alias"))
