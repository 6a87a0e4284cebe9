"""Keys through their lives over the wire: what operators do, and what workers make of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.backbone import Backbone, generate, start_worker
from tests.support.line import refusal
from turnout.trust.v1 import keys_pb2
from turnout_wire.control_line import ControlLine
from turnout_wire.failure import Failure
from turnout_wire.key_admin import KeyAdmin

ACKS = "turnout.snapshot.acknowledgements"


@asynccontextmanager
async def admin(planes: Backbone, name: str = "operator") -> AsyncIterator[KeyAdmin]:
    async with ControlLine(planes.control.address, planes.control.token(name)) as line:
        yield KeyAdmin(line)


async def test_everybody_with_a_token_reads_the_keys_and_no_private_part_is_among_them(planes: Backbone) -> None:
    for name in ("local", "worker", "operator"):
        async with admin(planes, name) as keys:
            (key,) = await keys.keys()
            assert (key.state, key.issuer, key.not_after) == ("active", "turnout-test", None)
    response = await planes.router(keys_pb2.GetKeySetRequest())
    seeds = [path.read_bytes() for path in (planes.control.config.state / "keys").iterdir() if path.is_file()]
    assert not [seed for seed in seeds if seed and seed in response.SerializeToString()]


async def test_a_rotation_never_leaves_a_decision_that_cannot_be_run(planes: Backbone) -> None:
    async with admin(planes) as keys:
        (old,) = await keys.keys()
        new = await keys.prepare()
        assert new.state == "prepared"
        decided = [await planes.decide()]
        states = {key.key_id: key.state for key in await keys.activate(new.key_id)}
    assert states == {old.key_id: "retired", new.key_id: "active"}
    await planes.control.meter.until(ACKS, 2, kind="ack")
    decided.append(await planes.decide())
    for one in decided:
        assert (await planes.runner(generate(one))).response.parts[0].text == "Blue."


async def test_what_a_revoked_key_signed_is_refused_and_what_the_next_one_signs_is_run(planes: Backbone) -> None:
    before = await planes.decide()
    async with admin(planes) as keys:
        (old,) = await keys.keys()
        await keys.activate((await keys.prepare()).key_id)
        await keys.revoke(old.key_id)
        version = (await planes.snapshot()).version
    while (await planes.runner(generate(await planes.decide()))).receipt.snapshot_version < version:
        await planes.control.meter.until(ACKS, planes.control.meter.total(ACKS) + 1)
    told = await refusal(planes.runner(generate(before)))
    assert (told.code.name, told.reason) == ("PERMISSION_DENIED", "KEY_REVOKED")
    assert old.key_id in told.message
    assert (await planes.decide()).decision.signatures[0].key_id != old.key_id


@pytest.mark.parametrize("step", ["activate", "revoke"])
async def test_a_key_that_there_is_not_is_told_by_field(planes: Backbone, step: str) -> None:
    async with admin(planes) as keys:
        with pytest.raises(Failure, match="no key") as refused:
            await getattr(keys, step)("0" * 16)
    assert (refused.value.reason, refused.value.field) == ("NOT_FOUND", "key_id")


async def test_the_key_in_use_is_neither_activated_again_nor_revoked(planes: Backbone) -> None:
    async with admin(planes) as keys:
        (active,) = await keys.keys()
        with pytest.raises(Failure) as again:
            await keys.activate(active.key_id)
        with pytest.raises(Failure) as gone:
            await keys.revoke(active.key_id)
    assert {again.value.reason, gone.value.reason} == {"KEY_STATE"}
    assert (await planes.snapshot()).version == 1


@pytest.mark.parametrize("name", ["local", "worker"])
async def test_only_operators_move_keys(planes: Backbone, name: str) -> None:
    async with admin(planes, name) as keys:
        with pytest.raises(Failure) as refused:
            await keys.prepare()
    assert refused.value.reason == "ACCESS_DENIED"
    assert len((await planes.snapshot()).key_set.keys) == 1


async def test_a_pinned_worker_follows_the_rotation_of_its_control_plane(planes: Backbone) -> None:
    async with admin(planes) as keys:
        (old,) = await keys.keys()
        tokens = planes.control.config.state / "tokens"
        pinned = await start_worker(
            planes.control.address, tokens / "worker", worker="pinned", pinned=frozenset({old.key_id})
        )
        await keys.activate((await keys.prepare()).key_id)
        line = pinned.line(planes.control.token("local"))
        assert (await line(generate(await planes.decide()))).response.parts[0].text == "Blue."
        await pinned.stop()
    assert planes.control.meter.total(ACKS, kind="nack") == 0


async def test_a_worker_pinned_to_another_key_takes_nothing(planes: Backbone) -> None:
    tokens = planes.control.config.state / "tokens"
    stranger = await start_worker(planes.control.address, tokens / "worker", wait=False, pinned=frozenset({"0" * 16}))
    await planes.control.meter.until(ACKS, kind="nack")
    told = await refusal(stranger.line(planes.control.token("local"))(generate(await planes.decide())))
    assert told.reason == "SNAPSHOT_STALE"
    await stranger.stop()
