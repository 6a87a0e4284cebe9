"""DecideRoute by the whole ladder beside the rules alone: `python -m tests.benchmarks.rungs`."""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median

import grpc.aio

from controlplane.catalog.load import load
from controlplane.policy.model import ClassifierKind, RuleSetName
from controlplane.routing.worked_out import compiled
from tests.benchmarks.measure import Call, Saturated, middle, saturate
from tests.benchmarks.planes import Row, Table
from turnout.inference.v1 import chat_pb2, payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout_cli.demo.catalog import CREDENTIAL, PROVIDERS, sandbox_catalog
from turnout_cli.demo.prompts import read_prompts
from turnout_cli.processes import Processes, Program, Running
from turnout_embedding import load as load_encoder
from turnout_features import Conversation, Speaker, Utterance, extract
from turnout_wire.chat_payload import CHAT_REQUEST
from turnout_wire.conversation import features_to_proto

ROUNDS, CALLS, CONCURRENCY = 15, 300, 16
NOWHERE = "http://127.0.0.1:9"
"""Where nobody is called: only decisions are made."""
ALONE, LADDER = "alone", "ladder"
"""Features whose policies differ in the classifiers that they name, and in nothing else."""
CLASSIFIERS = {ALONE: [ClassifierKind.RULES], LADDER: list(ClassifierKind)}
NAMES = ("Anna", "Omar", "Lena", "Paul", "Mary", "Hugo", "Nora", "Ivan", "Rosa", "Eric", "Jane", "Adam", "Olga", "Karl")
TOWNS = (
    "Berlin",
    "Paris",
    "London",
    "Rome",
    "Madrid",
    "Vienna",
    "Oslo",
    "Prague",
    "Dublin",
    "Athens",
    "Lisbon",
    "Boston",
)

Asked = routing_pb2.DecideRouteRequest
Said = list[tuple[str, str]]
"""Who says what."""


def catalog() -> str:
    """The packaged catalog with a workload for the rules alone and one for the whole ladder."""
    written = json.loads(sandbox_catalog(dict.fromkeys(PROVIDERS, NOWHERE)))
    written["policies"] = [
        {"name": name, "strategy": "cheapest", "classifiers": kinds} for name, kinds in CLASSIFIERS.items()
    ]
    owned = {"owner": "bench", "baseline": "gpt-4o"}
    written["workloads"] = [
        {**owned, "name": LADDER, "policy": LADDER, "when": {"features": [LADDER]}},
        {**owned, "name": "default", "policy": ALONE},
    ]
    return json.dumps(written)


def conversations() -> list[Said]:
    """The packaged prompts: texts of many lengths, kinds and languages."""
    return [[(said["role"], said["content"]) for said in prompt.messages] for prompt in read_prompts(None)]


def new_ones() -> Iterator[Said]:
    """The same prompts without end, each with an ending that it did not have before, of words that occurred before."""
    known = conversations()
    for number in count():
        turn, place = divmod(number, len(known))
        *before, (role, text) = known[place]
        name, town, other = NAMES[turn % 14], TOWNS[turn // 14 % 12], NAMES[turn // 168 % 14]
        yield [*before, (role, f"{text}\n\nThanks, {name} from {town}, also for {other}")]


def shown(said: Said, feature: str) -> Asked:
    """A request that shows its text."""
    roles = {"system": chat_pb2.ROLE_SYSTEM, "user": chat_pb2.ROLE_USER, "assistant": chat_pb2.ROLE_ASSISTANT}
    messages = [chat_pb2.Message(role=roles[role], parts=[chat_pb2.Part(text=text)]) for role, text in said]
    body = chat_pb2.ChatRequest(messages=messages).SerializeToString()
    payload = payload_pb2.Payload(content_type=CHAT_REQUEST, body=body)
    return Asked(payload=payload, hints=routing_pb2.Hints(feature=feature))


def describer() -> Callable[[Said, str], Asked]:
    """What makes a request that tells features and vector instead of its text, as gateways and clients do."""
    rules, encoder = load(None).rule_sets[RuleSetName("default")], load_encoder()
    patterns = compiled(rules)

    def described(said: Said, feature: str) -> Asked:
        told = Conversation(utterances=tuple(Utterance(speaker=Speaker(role), text=text) for role, text in said))
        features = features_to_proto(extract(told, patterns, encode=encoder))
        description = routing_pb2.Description(request_digest=os.urandom(32), features=features)
        return Asked(description=description, hints=routing_pb2.Hints(feature=feature))

    return described


class Bench:
    """One control plane, asked in turns for the one and the other."""

    def __init__(self, control: Running, token: str, channel: grpc.aio.Channel) -> None:
        self._pid = control.pid
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._decide = channel.unary_unary(
            "/turnout.routing.v1.RoutingService/DecideRoute",
            request_serializer=Asked.SerializeToString,
            response_deserializer=routing_pb2.DecideRouteResponse.FromString,
        )

    async def compare(self, name: str, asking: Callable[[str], Asked]) -> Row:
        """`asking` gives the next request of a feature. The ratio is the median of those of single rounds."""
        taken: dict[str, list[Saturated]] = {ALONE: [], LADDER: []}
        for number in range(ROUNDS + 1):
            for feature in (ALONE, LADDER) if number % 2 else (LADDER, ALONE):
                ready = [asking(feature) for _ in range(CALLS)]
                taken[feature].append(await saturate(self._call(ready), self._pid, CALLS, CONCURRENCY))
        alone, ladder = taken[ALONE][1:], taken[LADDER][1:]
        ratios = sorted(one.cpu_us / two.cpu_us for one, two in zip(ladder, alone, strict=True))
        figures = (f"{middle(alone).cpu_us:.0f}", f"{middle(ladder).cpu_us:.0f}")
        return (name, *figures, f"{median(ratios):.2f}", f"{ratios[0]:.2f} to {ratios[-1]:.2f}")

    def _call(self, ready: list[Asked]) -> Call:
        return lambda: self._decide(ready.pop(), metadata=self._metadata, timeout=30)


async def run() -> Table:
    """Texts that nobody showed before, those that were shown before, and requests that show none; and without a store."""
    rows: list[Row] = []
    async with Processes() as processes:
        for module in ("controlplane", "tests.benchmarks.unrecorded"):
            with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name:
                control = await processes.start(_control(module, Path(name)))
                token = (Path(name) / "state" / "tokens" / "local").read_text().strip()
                async with grpc.aio.insecure_channel(control.address) as channel:
                    bench = Bench(control, token, channel)
                    rows += await (_compared(bench) if module == "controlplane" else _unrecorded(bench))
                await control.stop()
    return ("DecideRoute, CPU µs a call", "rules alone", "whole ladder", "ratio", "of single rounds"), rows


def _control(module: str, folder: Path) -> Program:
    written = folder / "turnout.yaml"
    written.write_text(catalog())
    arguments = ["--listen", "127.0.0.1:0", "--state", str(folder / "state"), "--catalog", str(written)]
    return Program(
        name="control plane",
        module=module,
        arguments=[*arguments, "--log-level", "warning"],
        log=folder / "log",
        environment={**os.environ, CREDENTIAL: "x"},
    )


async def _compared(bench: Bench) -> list[Row]:
    texts, turns, told, described = new_ones(), count(), conversations(), describer()
    return [
        await bench.compare("texts that were not shown before", lambda feature: shown(next(texts), feature)),
        await bench.compare("texts shown before", lambda feature: shown(told[next(turns) % len(told)], feature)),
        await bench.compare("described, without their text", lambda feature: described(next(texts), feature)),
    ]


async def _unrecorded(bench: Bench) -> list[Row]:
    texts = new_ones()
    name = "not shown before, and nothing written down"
    return [await bench.compare(name, lambda feature: shown(next(texts), feature))]


if __name__ == "__main__":
    from tests.benchmarks.__main__ import table

    print(table(*asyncio.run(run())))
