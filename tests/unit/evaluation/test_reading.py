"""Prompts of tables are read as production reads requests."""

from turnout_cli.evaluation.reading import read_prompts


def test_prompts_are_classified_by_the_ladder_that_decides() -> None:
    (read,) = read_prompts(["Translate 'good morning' into French, please."], lambda _what, _share: None)
    assert read.classification.classifier == "learned"
    assert read.classification.task_type == "translation"
