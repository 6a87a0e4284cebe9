"""The control plane checks what workers state: both must come to the same sums, each by code of its own."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.catalog.model import Price as CatalogPrice
from controlplane.outcome.bill import Tokens
from controlplane.outcome.bill import cost_nanousd as checked
from dataplane.chat.model import Usage
from dataplane.execution.cost import cost_nanousd as stated
from dataplane.snapshot.model import Price as WorkerPrice

tokens = st.integers(0, 10**7)
prices = st.integers(0, 10**12)


@given(tokens, tokens, tokens, tokens, prices, prices, st.none() | prices, st.none() | prices)
def test_both_planes_work_out_the_same_cost(
    input_tokens: int,
    output: int,
    cached: int,
    written: int,
    input_price: int,
    output_price: int,
    cached_price: int | None,
    write_price: int | None,
) -> None:
    usage = Usage(
        input_tokens=input_tokens, output_tokens=output, cached_input_tokens=cached, cache_write_tokens=written
    )
    used = Tokens(input=input_tokens, output=output, cached=cached, cache_write=written)
    names = ("input", "output", "cached_input", "cache_write")
    values = (input_price, output_price, cached_price, write_price)
    fields = {f"{name}_nanousd_per_mtok": value for name, value in zip(names, values, strict=True)}
    assert checked(used, CatalogPrice(**fields)) == stated(usage, WorkerPrice(**fields))  # type: ignore[arg-type]
