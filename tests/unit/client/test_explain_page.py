"""The page of `turnout explain`, out of the contract's message."""

from io import StringIO

from google.protobuf.duration_pb2 import Duration
from rich.console import Console

from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2
from turnout_cli.ask import show_explanation
from turnout_client.explanation_codec import explanation

PAGE = """\
code, complex, confidence 0.81, by learned
signals: none
· quality floor 0.90, asked by complexity
· quality by the quality model abababababababab
   candidate        cost          nine in ten  latency  quality     score
1  east/large  $0.004100    $0.001100–$0.0161   2.40 s     0.95   -0.0041
   west/small  $0.000250  $0.000090–$0.000900   1.10 s     0.91  -0.00025
comes first, as uncertain as quality is:
  large  62%  ███████████████████
  small  38%  ███████████
moved by task_type=code → large +41 points, length → small -7 points
Nothing is eligible.
"""


def candidate(
    deployment: str, model: str, rank: int, costs: tuple[int, int, int], quality: int
) -> routing_pb2.Candidate:
    low, expected, high = costs
    return routing_pb2.Candidate(
        deployment=deployment,
        model=model,
        rank=rank,
        score=-expected / 1e9,
        estimate=decision_pb2.Estimate(
            cost_nanousd=expected,
            cost_low_nanousd=low,
            cost_high_nanousd=high,
            quality_ppm=quality,
            latency=Duration(seconds=2, nanos=400_000_000) if rank else Duration(seconds=1, nanos=100_000_000),
        ),
    )


MESSAGE = routing_pb2.ExplainRouteResponse(
    classification=routing_pb2.Classification(
        task_type=catalog_pb2.TASK_TYPE_CODE,
        complexity=catalog_pb2.COMPLEXITY_COMPLEX,
        confidence=0.81,
        classifier="learned",
    ),
    candidates=[
        candidate("east/large", "large", 1, (1_100_000, 4_100_000, 16_100_000), 950_000),
        candidate("west/small", "small", 0, (90_000, 250_000, 900_000), 910_000),
    ],
    quality_floor=routing_pb2.QualityFloor(quality_ppm=900_000, source="complexity"),
    learned_digest=b"\xab" * 32,
    distribution=[
        routing_pb2.ModelShare(model="large", share=0.62),
        routing_pb2.ModelShare(model="small", share=0.38),
    ],
    influences=[
        routing_pb2.Influence(signal="task_type=code", model="large", change=0.41),
        routing_pb2.Influence(signal="length", model="small", change=-0.07),
    ],
)


def page(message: routing_pb2.ExplainRouteResponse) -> str:
    """What is shown where no colours are."""
    console = Console(file=StringIO(), width=100)
    show_explanation(explanation(message), console)
    file = console.file
    assert isinstance(file, StringIO)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def test_intervals_shares_and_what_moved_them_are_shown() -> None:
    assert page(MESSAGE) == PAGE


def test_what_is_sure_and_of_known_cost_alone_is_told_without() -> None:
    plain = routing_pb2.ExplainRouteResponse()
    plain.CopyFrom(MESSAGE)
    del plain.influences[:], plain.distribution[1:]
    for one in plain.candidates:
        one.estimate.ClearField("cost_low_nanousd")
        one.estimate.ClearField("cost_high_nanousd")
    shown = page(plain)
    assert "nine in ten" not in shown
    assert "comes first" not in shown
    assert "moved by" not in shown
