"""`turnout eval classify` reads labelled tables, names what is wrong in them, and counts right."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controlplane.catalog.model import Domain, TaskType
from turnout_cli.__main__ import app
from turnout_cli.evaluation.class_figures import Judged, auc, bins, calibration_error, confusion, macro_f1
from turnout_cli.evaluation.class_rows import labelled_rows
from turnout_cli.evaluation.tables import TableInvalid

ROWS = [
    {"prompt": "Translate 'good morning' to German.", "task_type": "translation", "complexity": "simple", "domain": ""},
    {
        "prompt": "Write a Python function that merges two lists.",
        "task_type": "code",
        "complexity": "simple",
        "domain": "",
    },
    {"prompt": "Can I take ibuprofen while pregnant?", "task_type": "qa", "complexity": "simple", "domain": "medical"},
]


def table(folder: Path, rows: list[dict[str, object]], name: str = "t.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    return path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["eval", "classify", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_figures_of_a_table_come_as_json(tmp_path: Path) -> None:
    code, out, _ = run("--test", str(table(tmp_path, [dict(row) for row in ROWS])), "--json")
    found = json.loads(out)
    assert code == 0
    assert found["classifiers"] == ["rules", "learned"]
    assert found["whole"]["prompts"] == 3
    assert found["whole"]["task_type"] == 1.0
    assert found["whole"]["domain"] == 1.0
    assert found["whole"]["language"] is None
    assert found["task_types"]["code"] == {"code": 1}


def test_the_rules_alone_can_be_asked_and_parts_told_apart(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{**row, "set": name} for name, row in zip("aab", ROWS, strict=True)]
    code, out, _ = run("--test", str(table(tmp_path, rows)), "--json", "--only-rules", "--by", "set")
    found = json.loads(out)
    assert (code, found["classifiers"]) == (0, ["rules"])
    assert [(part["part"], part["prompts"]) for part in found["parts"]] == [("a", 2), ("b", 1)]


def test_people_get_tables(tmp_path: Path) -> None:
    code, out, _ = run("--test", str(table(tmp_path, [dict(row) for row in ROWS])))
    assert code == 0
    assert "mean confidence" in out
    assert "translati" in out


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"prompt": "hi", "task_type": "poem"}, "row 1: task_type: `poem` is none of chat"),
        ({"prompt": "hi", "complexity": "hard"}, "row 1: complexity: `hard` is none of simple"),
        ({"prompt": 3, "task_type": "chat"}, "row 1: prompt: is not text"),
        ({"prompt": "hi", "out_of_scope": "perhaps"}, "row 1: out_of_scope: `perhaps` is neither"),
        ({"messages": [{"who": "me"}], "task_type": "chat"}, "row 1: messages: not a list"),
        ({"question": "hi", "task_type": "chat"}, "none of the columns prompt, text, messages"),
        ({"prompt": "hi"}, "nothing is labelled"),
    ],
)
def test_what_is_wrong_is_named_by_row_and_column(tmp_path: Path, row: dict[str, object], told: str) -> None:
    path = table(tmp_path, [row])
    with pytest.raises(TableInvalid, match=r"t\.jsonl") as caught:
        labelled_rows(path)
    assert told in str(caught.value)
    code, _, error = run("--test", str(path))
    assert code == 2
    assert "turnout:" in error


def test_a_file_that_is_not_there_or_of_another_kind_is_told(tmp_path: Path) -> None:
    assert run("--test", str(tmp_path / "no.jsonl"))[0] == 2
    (tmp_path / "a.txt").write_text("hi", "utf-8")
    with pytest.raises(TableInvalid, match=r"not one of \.parquet"):
        labelled_rows(tmp_path / "a.txt")


def test_intents_say_what_is_out_of_scope_and_their_domain_is_none_of_ours(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "pay my bill", "intent": "pay_bill", "domain": "banking"},
        {"text": "how tall is a giraffe in space", "intent": "oos", "domain": "oos"},
    ]
    inside, outside = labelled_rows(table(tmp_path, rows))
    assert (inside.out_of_scope, outside.out_of_scope) == (False, True)
    assert not inside.domain_known


def test_several_turns_and_types_that_are_as_right_are_read(tmp_path: Path) -> None:
    said = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hey"},
        {"role": "user", "content": "?"},
    ]
    row: dict[str, object] = {"messages": said, "task_type": "chat", "also": "qa creative", "domain": "legal"}
    (found,) = labelled_rows(table(tmp_path, [row]))
    assert len(found.conversation.utterances) == 3
    assert found.also == {TaskType.QA, TaskType.CREATIVE}
    assert (found.domain, found.domain_known) == (Domain.LEGAL, True)


def test_macro_f1_is_the_mean_over_the_classes_that_occur() -> None:
    assert macro_f1([("a", "a"), ("a", "b"), ("b", "b")]) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert math.isnan(macro_f1([]))


def test_the_calibration_error_is_the_gap_between_confidence_and_being_right() -> None:
    sure = [Judged(confidence=0.9, right=True)] * 9 + [Judged(confidence=0.9, right=False)]
    assert calibration_error(sure) == pytest.approx(0.0)
    assert calibration_error([Judged(confidence=0.9, right=False)]) == pytest.approx(0.9)
    assert [one.count for one in bins([*sure, Judged(confidence=1.0, right=True)])] == [11]


def test_auc_counts_ties_half() -> None:
    assert auc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert auc([0.1], [0.9]) == 0.0
    assert auc([0.5, 0.5], [0.5]) == 0.5
    assert math.isnan(auc([], [0.5]))


def test_confusion_counts_answers_by_label() -> None:
    assert confusion([("a", "a"), ("a", "b"), ("a", "b")]) == {"a": {"a": 1, "b": 2}}
