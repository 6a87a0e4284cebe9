"""API keys over the wire, on every kind of store: what they open, until when, and that nobody but their owner knows them."""

import hashlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.api_keys import caught_up, created, line_of, rotated
from tests.support.asking import command
from tests.support.backbone import Backbone, asked, backbone, generate, opened
from tests.support.line import Line, refusal
from turnout.access.v1 import access_pb2
from turnout.audit.v1 import record_pb2
from turnout.inference.v1 import inference_pb2
from turnout.routing.v1 import routing_pb2
from turnout.snapshot.v1 import snapshot_pb2

DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def both(url: str, tmp_path: Path) -> AsyncIterator[Backbone]:
    """Both planes, on each kind of store."""
    async with backbone(tmp_path, store=url) as planes:
        yield planes


async def ran(planes: Backbone, secret: str) -> inference_pb2.GenerateResponse:
    """A decision asked for and run with a secret."""
    decided: routing_pb2.DecideRouteResponse = await line_of(planes.control, secret)(asked())
    response: inference_pb2.GenerateResponse = await planes.worker.line(secret)(generate(decided))
    return response


async def keys(planes: Backbone) -> dict[str, access_pb2.ApiKey]:
    """All keys by name."""
    found = await planes.control.known_line("operator")(access_pb2.ListApiKeysRequest())
    return {key.name: key for key in found.api_keys}


def operator(planes: Backbone) -> Line:
    return planes.control.known_line("operator")


async def test_a_new_key_opens_both_planes_for_its_own_tenant_and_name(both: Backbone) -> None:
    made = await created(operator(both), "app", tenant="acme")
    assert made.secret.startswith(f"to_{made.api_key.key_id}_")
    assert len(made.secret) > 40
    await caught_up(both)
    decided = await line_of(both.control, made.secret)(asked())
    decision = opened(decided.decision)
    assert (decision.tenant, decision.presenter) == ("acme", "app")
    answered = await both.worker.line(made.secret)(generate(decided))
    assert answered.response.parts[0].text == "Blue."


async def test_a_key_outlives_the_process_that_made_it(both: Backbone) -> None:
    made = await created(operator(both), "app")
    before = await both.snapshot()
    await both.restart()
    assert await line_of(both.control, made.secret)(asked())
    assert list(await keys(both)) == ["app"]
    assert (await both.snapshot()).version == before.version


async def test_a_list_tells_everything_but_the_secret(both: Backbone) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + DAY
    made = await created(operator(both), "app", tenant="acme", roles=[access_pb2.ROLE_CALLER], expires_at=end)
    key = (await keys(both))["app"]
    assert key == made.api_key
    assert (key.state, key.expires_at.ToDatetime(tzinfo=UTC)) == (access_pb2.API_KEY_STATE_ACTIVE, end)
    assert [one.last_characters for one in key.secrets] == [made.secret[-4:]]
    await created(operator(both), "other")
    one = await operator(both)(access_pb2.ListApiKeysRequest(page_size=1))
    two = await operator(both)(access_pb2.ListApiKeysRequest(page_size=1, page_token=one.next_page_token))
    assert {one.api_keys[0].name, two.api_keys[0].name} == {"app", "other"}
    assert not two.next_page_token
    assert [k.name for k in (await operator(both)(access_pb2.ListApiKeysRequest(tenant="acme"))).api_keys] == ["app"]


async def test_a_revoked_key_opens_neither_plane(both: Backbone) -> None:
    made = await created(operator(both), "app")
    await caught_up(both)
    await ran(both, made.secret)
    decided = await line_of(both.control, made.secret)(asked())
    ended = await operator(both)(access_pb2.RevokeApiKeyRequest(key_id=made.api_key.key_id))
    assert ended.api_key.state == access_pb2.API_KEY_STATE_REVOKED
    told = await refusal(line_of(both.control, made.secret)(asked()))
    assert (told.reason, "revoked" in told.message) == ("UNAUTHENTICATED", True)
    await caught_up(both)
    assert (await refusal(both.worker.line(made.secret)(generate(decided)))).reason == "UNAUTHENTICATED"
    again = await operator(both)(access_pb2.RevokeApiKeyRequest(key_id=made.api_key.key_id))
    assert again.api_key == ended.api_key
    free_again = await created(operator(both), "app")
    assert free_again.api_key.key_id != made.api_key.key_id


async def test_an_expired_key_opens_neither_plane_though_nobody_publishes_anything(planes: Backbone) -> None:
    made = await created(operator(planes), "app", expires_at=datetime.now(UTC) + DAY)
    await caught_up(planes)
    decided = await line_of(planes.control, made.secret)(asked())
    assert await planes.worker.line(made.secret)(generate(decided))
    planes.control.clock.later = planes.worker.clock.later = DAY
    for refused in (line_of(planes.control, made.secret)(asked()), planes.worker.line(made.secret)(generate(decided))):
        told = await refusal(refused)
        assert (told.reason, "expired" in told.message) == ("UNAUTHENTICATED", True)
    assert (await keys(planes))["app"].state == access_pb2.API_KEY_STATE_EXPIRED


async def test_a_rotation_lets_both_secrets_in_until_the_overlap_is_over(planes: Backbone) -> None:
    made = await created(operator(planes), "app")
    new = await rotated(operator(planes), made.api_key.key_id, timedelta(hours=1))
    assert new.secret != made.secret
    assert [one.last_characters for one in new.api_key.secrets] == [new.secret[-4:], made.secret[-4:]]
    await caught_up(planes)
    for secret in (made.secret, new.secret):
        await ran(planes, secret)
    planes.control.clock.later = planes.worker.clock.later = timedelta(hours=1)
    told = await refusal(line_of(planes.control, made.secret)(asked()))
    assert (told.reason, "expired" in told.message) == ("UNAUTHENTICATED", True)
    await ran(planes, new.secret)
    assert len((await keys(planes))["app"].secrets) == 1


async def test_without_an_overlap_the_old_secret_is_void_at_once(planes: Backbone) -> None:
    made = await created(operator(planes), "app")
    new = await rotated(operator(planes), made.api_key.key_id)
    assert (await refusal(line_of(planes.control, made.secret)(asked()))).reason == "UNAUTHENTICATED"
    assert await line_of(planes.control, new.secret)(asked())


async def test_a_key_can_do_what_its_roles_say_and_nothing_else(planes: Backbone) -> None:
    caller = line_of(planes.control, (await created(operator(planes), "app")).secret)
    worker = line_of(planes.control, (await created(operator(planes), "w", roles=[access_pb2.ROLE_WORKER])).secret)
    boss = line_of(planes.control, (await created(operator(planes), "o", roles=[access_pb2.ROLE_OPERATOR])).secret)
    assert await worker(snapshot_pb2.GetSnapshotRequest())
    assert await boss(access_pb2.ListApiKeysRequest())
    denied = [
        caller(access_pb2.CreateApiKeyRequest(name="more")),
        caller(access_pb2.ListApiKeysRequest()),
        caller(snapshot_pb2.GetSnapshotRequest()),
        worker(access_pb2.RevokeApiKeyRequest(key_id="x")),
        worker(access_pb2.RotateApiKeyRequest(key_id="x")),
        boss(asked()),
    ]
    assert [(await refusal(one)).reason for one in denied] == ["ACCESS_DENIED"] * len(denied)
    names = {one.name for one in (await planes.snapshot()).callers}
    assert "app" in names
    assert not {"w", "o"} & names, "workers need to know callers alone"


async def test_what_is_no_key_opens_nothing(planes: Backbone) -> None:
    made = await created(operator(planes), "app")
    wrong = [
        made.secret[:-1],
        made.api_key.key_id,
        hashlib.sha256(made.secret.encode()).hexdigest(),
        f"to_{made.api_key.key_id}_",
    ]
    for token in wrong:
        assert (await refusal(line_of(planes.control, token)(asked()))).reason == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("request_of", "reason", "field"),
    [
        (access_pb2.CreateApiKeyRequest(name=""), "INVALID_FIELD", "name"),
        (access_pb2.CreateApiKeyRequest(name="two words"), "INVALID_FIELD", "name"),
        (access_pb2.CreateApiKeyRequest(name="local"), "ALREADY_EXISTS", "name"),
        (access_pb2.CreateApiKeyRequest(name="taken"), "ALREADY_EXISTS", "name"),
        (access_pb2.CreateApiKeyRequest(name="a", roles=[access_pb2.ROLE_UNSPECIFIED]), "INVALID_FIELD", "roles"),
        (access_pb2.RotateApiKeyRequest(key_id="none"), "NOT_FOUND", "key_id"),
        (access_pb2.RevokeApiKeyRequest(key_id="none"), "NOT_FOUND", "key_id"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_field(
    planes: Backbone, request_of: access_pb2.CreateApiKeyRequest, reason: str, field: str
) -> None:
    await created(operator(planes), "taken")
    told = await refusal(operator(planes)(request_of))
    assert (told.reason, told.field.partition("[")[0]) == (reason, field)


async def test_an_end_that_is_past_and_a_rotation_of_what_is_over_are_refused(planes: Backbone) -> None:
    past = created(operator(planes), "app", expires_at=datetime.now(UTC) - DAY)
    assert (await refusal(past)).field == "expires_at"
    made = await created(operator(planes), "app")
    await operator(planes)(access_pb2.RevokeApiKeyRequest(key_id=made.api_key.key_id))
    assert (await refusal(rotated(operator(planes), made.api_key.key_id))).reason == "KEY_STATE"


async def test_every_change_is_an_entry_of_the_log_and_a_version_of_the_configuration(both: Backbone) -> None:
    start = (await both.snapshot()).version
    made = await created(operator(both), "app")
    await rotated(operator(both), made.api_key.key_id, DAY)
    await operator(both)(access_pb2.RevokeApiKeyRequest(key_id=made.api_key.key_id))
    assert (await both.snapshot()).version == start + 3
    await both.control.plane._records.journal.flush(5)
    rows = await both.control.store.database.fetch("SELECT ref, body FROM entry WHERE kind = 'api_key' ORDER BY seq")
    assert [ref for ref, _ in rows] == [f"{made.api_key.key_id} {number}" for number in (1, 2, 3)]
    records = [record_pb2.ApiKeyRecord.FromString(body) for _, body in rows if isinstance(body, bytes)]
    assert [access_pb2.ApiKeyChange.Name(one.change)[15:] for one in records] == ["CREATED", "ROTATED", "REVOKED"]
    assert {one.changed_by for one in records} == {"operator"}
    assert records[-1].api_key.state == access_pb2.API_KEY_STATE_REVOKED


async def test_a_secret_is_in_no_log_no_store_no_snapshot_and_no_entry(
    both: Backbone, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await created(operator(both), "app")
    new = await rotated(operator(both), made.api_key.key_id, DAY)
    await caught_up(both)
    for secret in (made.secret, new.secret):
        await ran(both, secret)
        assert (await refusal(line_of(both.control, secret)(access_pb2.ListApiKeysRequest()))).reason == "ACCESS_DENIED"
    await both.control.plane._records.journal.flush(5)
    rows = await both.control.store.database.fetch("SELECT body FROM entry UNION ALL SELECT body FROM setting")
    files = [path.read_bytes() for path in both.control.config.state.rglob("*") if path.is_file()]
    kept = b" ".join([*(body for (body,) in rows if isinstance(body, bytes)), *files])
    kept += (await both.snapshot()).SerializeToString()
    logged = caplog.text + str([vars(record) for record in caplog.records])
    for secret in (made.secret, new.secret):
        random = secret.rpartition(f"{made.api_key.key_id}_")[2]
        assert random[:-4].encode() not in kept
        assert random not in logged
    assert made.api_key.key_id.encode() in kept
    assert hashlib.sha256(new.secret.encode()).digest() in kept, "the digest is what is kept"


async def test_the_command_makes_lists_rotates_and_revokes_keys(planes: Backbone) -> None:
    made = await command(planes, "key", "create", "app", "--tenant", "acme", "--expires", "90d")
    secret = made.out.strip()
    assert (made.code, secret.startswith("to_"), "told only now" in made.err) == (0, True, True)
    assert opened((await line_of(planes.control, secret)(asked())).decision).tenant == "acme"
    (listed,) = (await command(planes, "key", "list", "--json")).json["api_keys"]
    assert (listed["name"], listed["state"], listed["roles"]) == ("app", "active", ["caller"])
    assert secret not in str(listed)
    new = (await command(planes, "key", "rotate", listed["key_id"], "--overlap", "1h", "--json")).json
    assert [one["last_characters"] for one in new["secrets"]] == [new["secret"][-4:], secret[-4:]]
    ended = await command(planes, "key", "revoke", listed["key_id"])
    assert "revoked" in ended.out
    assert (await refusal(line_of(planes.control, new["secret"])(asked()))).reason == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["create", "app", "--role", "king"], 1, "caller, worker, operator"),
        (["create", "app", "--expires", "soon"], 2, "--expires"),
        (["rotate", "none"], 1, "turnout key list"),
        (["rotate", "none", "--overlap", "x"], 2, "--overlap"),
        (["revoke", "none"], 1, "turnout keys"),
    ],
)
async def test_a_command_that_cannot_be_done_says_why(
    planes: Backbone, arguments: list[str], code: int, told: str
) -> None:
    result = await command(planes, "key", *arguments)
    assert (result.code, told in result.err) == (code, True)


async def test_only_operators_use_the_command(planes: Backbone) -> None:
    result = await command(planes, "key", "list", caller="local")
    assert (result.code, "ACCESS_DENIED" in result.err) == (1, True)
