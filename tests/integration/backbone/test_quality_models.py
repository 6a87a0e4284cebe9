"""Quality models in a running control plane: imported, activated, gone back on, kept over a restart, and named by decisions."""

from hashlib import sha256
from pathlib import Path

from controlplane.audit.model import Kind
from tests.support.artefacts import artefact
from tests.support.asking import command, id_of
from tests.support.backbone import Backbone, asked, planned
from tests.support.line import refusal
from turnout.audit.v1 import audit_pb2, record_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import routing_pb2

POOR = artefact({"small": 0.2, "large": 0.95})
GOOD = artefact({"small": 0.97, "large": 0.98})


async def imported(planes: Backbone, content: bytes) -> bytes:
    response = await planes.control.known_line("operator")(catalog_pb2.ImportQualityModelRequest(content=content))
    return bytes(response.quality_model.digest)


async def activated(planes: Backbone, digest: bytes) -> int:
    response = await planes.control.known_line("operator")(catalog_pb2.ActivateQualityModelRequest(digest=digest))
    return int(response.snapshot_version)


async def taken(planes: Backbone) -> tuple[str, bytes]:
    """The first deployment of a decision on the usual prompt, and the quality model that its record names."""
    decided = await planes.decide()
    question = audit_pb2.GetDecisionRequest(decision_id=id_of(decided))
    found = await planes.control.known_line("operator")(question)
    return planned(decided)[0], bytes(found.record.basis.learned_digest)


async def test_decisions_use_what_is_activated_and_go_back_with_it(planes: Backbone) -> None:
    assert await taken(planes) == ("first/small", b"")
    poor, good = await imported(planes, POOR), await imported(planes, GOOD)
    assert await taken(planes) == ("first/small", b""), "importing changes nothing"

    assert await activated(planes, poor) == 2
    assert await taken(planes) == ("second/large", poor)
    assert await activated(planes, good) == 3
    assert await taken(planes) == ("first/small", good)
    operator = planes.control.known_line("operator")
    versions = []
    for digest in (poor, b""):
        back = await operator(catalog_pb2.RollbackQualityModelRequest())
        versions.append(back.snapshot_version)
        assert (await taken(planes))[1] == digest == bytes(back.quality_model.digest)
    assert versions == [4, 5]
    told = await refusal(operator(catalog_pb2.RollbackQualityModelRequest()))
    assert told.reason == "NOT_FOUND"


async def test_each_activation_is_an_entry_of_the_log_with_who_asked_for_it(planes: Backbone) -> None:
    poor = await imported(planes, POOR)
    await activated(planes, poor)
    await planes.control.known_line("operator")(catalog_pb2.RollbackQualityModelRequest())
    await planes.restart()
    entries = planes.control.store.entries
    found = [await entries.get(Kind.QUALITY_MODEL, number) for number in ("1", "2")]
    said = [record_pb2.QualityModelRecord.FromString(one.body or b"") for one in found if one is not None]
    assert [(one.digest, one.before, one.rollback, one.changed_by) for one in said] == [
        (poor, b"", False, "operator"),
        (b"", poor, True, "operator"),
    ]


async def test_what_is_in_use_stays_so_over_a_restart_and_the_snapshot_too(planes: Backbone) -> None:
    poor = await imported(planes, POOR)
    version = await activated(planes, poor)
    before = await planes.snapshot()
    await planes.restart()
    after = await planes.snapshot()
    assert (after.version, after.digest) == (version, before.digest)
    assert await taken(planes) == ("second/large", poor)


async def test_an_explanation_names_the_model_and_is_made_by_it(planes: Backbone) -> None:
    poor = await imported(planes, POOR)
    await activated(planes, poor)
    found = await planes.router(routing_pb2.ExplainRouteRequest(request=asked()))
    assert found.learned_digest == poor
    quality = {one.model: one.estimate.quality_ppm for one in found.candidates}
    assert quality["small"] < 400_000 < quality["large"]


async def test_what_cannot_be_used_is_refused_with_the_reason_and_changes_nothing(planes: Backbone) -> None:
    operator = planes.control.known_line("operator")
    for content, said in (
        (b"nonsense", "not a quality model"),
        (POOR[:-8], "cut or altered"),
        (artefact({"small": 0.5}, encoder="static-0-00000000"), "with the encoder static-0-00000000"),
        (artefact({"small": 0.5}, version="reading-older"), "reads requests in another way (reading-older"),
    ):
        told = await refusal(operator(catalog_pb2.ImportQualityModelRequest(content=content)))
        assert told.reason == "INVALID_FIELD"
        assert said in told.message
    told = await refusal(operator(catalog_pb2.ActivateQualityModelRequest(digest=sha256(POOR).digest())))
    assert told.reason == "NOT_FOUND"
    told = await refusal(planes.router(catalog_pb2.ImportQualityModelRequest(content=POOR)))
    assert told.reason == "ACCESS_DENIED"
    assert (await planes.snapshot()).version == 1


async def test_the_command_line_imports_activates_shows_and_goes_back(planes: Backbone, tmp_path: Path) -> None:
    file, digest = tmp_path / "quality.turnout", sha256(POOR).hexdigest()
    file.write_bytes(POOR)
    empty = await command(planes, "learned", "show")
    assert (empty.code, "the catalog's scores hold" in empty.err) == (1, True)
    kept = await command(planes, "learned", "import", str(file), "--json")
    assert kept.json["digest"] == digest
    used = await command(planes, "learned", "activate", digest[:8])
    assert f"{digest} is in use from snapshot 2 on" in used.out
    listed = (await command(planes, "learned", "list", "--json")).json
    assert listed["history"] == ["", digest]
    assert [one["active"] for one in listed["quality_models"]] == [True]
    shown = await command(planes, "learned", "show")
    assert "models: large, small" in shown.out
    told = await command(planes, "explain", "Why is the sky blue?", caller="local")
    assert f"by the quality model {digest[:16]}" in told.out
    decision = await command(planes, "decision", id_of(await planes.decide()))
    assert f"by the quality model {digest[:16]}" in decision.out
    back = await command(planes, "learned", "rollback")
    assert "the catalog's scores hold, from snapshot 3 on" in back.out
    none = await command(planes, "learned", "activate", "none", "--json")
    assert none.json["quality_model"] is None
    wrong = await command(planes, "learned", "activate", "00000000")
    assert (wrong.code, "names no quality model" in wrong.err) == (2, True)
    absent = await command(planes, "learned", "import", str(tmp_path / "absent"))
    assert (absent.code, "No such file" in absent.err) == (2, True)
