from pathlib import Path

import numpy as np
import pytest

from turnout_cli.evaluation.splits import apart, folds, groups
from turnout_cli.evaluation.tables import TableInvalid, read, table


def test_holes_are_read_as_unknown(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("prompt,score|a,score|b,category\nhello,1,,x\nworld,0.5,0,y\n", encoding="utf-8")
    found = read(path)
    assert found.prompts == ("hello", "world")
    assert np.isnan(found.scores["b"][0])
    assert found.labels == {"category": ("x", "y")}


def test_json_lines_may_lack_fields(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"prompt": "a", "score|m": 1}\n{"prompt": "b"}\n', encoding="utf-8")
    assert np.isnan(read(path).scores["m"]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": ["a"]}, "no column `prompt`"),
        ({"prompt": ["a"]}, "no column `score|MODEL`"),
        ({"prompt": [], "score|m": []}, "no rows"),
        ({"prompt": ["a"], "score|m": ["good"]}, "row 1, column `score|m`: 'good' is not a number"),
        ({"prompt": ["a"], "score|m": [7]}, "from 0 to 1"),
    ],
)
def test_what_cannot_be_used_is_told(columns: dict[str, list[object]], said: str) -> None:
    with pytest.raises(TableInvalid) as failure:
        table(columns, "results.csv")
    assert said in str(failure.value)


LONG = "A train leaves the town at noon and reaches the coast after four hours; how fast does it go on average over 320 km?"


def test_the_same_question_with_other_options_is_one_question() -> None:
    found = groups(
        [
            f"{LONG}\nA. 80\nB. 90",
            f"{LONG}\nOptions:\nA. 70\nB. 80",
            "What is the capital of France, and when did it become so?",
        ]
    )
    assert found[0] == found[1] != found[2]


def test_near_duplicates_of_tested_questions_are_found_in_training() -> None:
    assert apart(
        [LONG.replace("noon", "ten"), "Something else that shares no phrase with any other question"], [LONG]
    ).tolist() == [
        False,
        True,
    ]


def test_folds_keep_groups_whole() -> None:
    group = np.repeat(np.arange(40), 3)
    fold = folds(group, 5, 0)
    assert all(len(set(fold[group == one].tolist())) == 1 for one in range(40))
    assert set(fold.tolist()) == set(range(5))
