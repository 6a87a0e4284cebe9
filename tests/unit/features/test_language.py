"""The language of short texts, by script and by function words."""

import pytest

from turnout_features.language import SAMPLE, language

SAID = {
    "en": ["what is the capital of Mongolia?", "pls fix my code", "How do I get there from the station"],
    "de": ["Was ist die Hauptstadt der Mongolei?", "Schreib mir bitte ein Gedicht über den Herbst", "Wie geht das?"],
    "fr": ["Quelle est la capitale de la Mongolie ?", "Écris un poème sur la mer", "comment ça marche avec le train"],
    "es": ["¿Cuál es la capital de Mongolia?", "Escribe un poema sobre el mar", "cómo llego a la estación"],
    "pt": ["Qual é a capital da Mongólia?", "Escreva um poema sobre o mar", "não sei como fazer isso"],
    "it": ["Qual è la capitale della Mongolia?", "Scrivi una poesia sul mare", "come si arriva alla stazione"],
    "nl": ["Wat is de hoofdstad van Mongolië?", "Schrijf een gedicht over de zee"],
    "ja": ["モンゴルの首都はどこですか？", "詩を書いてください", "東京駅までの行き方"],
    "zh": ["蒙古的首都是哪里？", "写一首关于大海的诗", "用 Python 写一个快速排序函数"],
    "ko": ["몽골의 수도는 어디인가요?", "바다에 대한 시를 써 줘"],
    "ru": ["Какая столица Монголии?", "Напиши стихотворение о море"],
    "uk": ["Яка столиця Монголії?"],
    "ar": ["ما هي عاصمة منغوليا؟", "اكتب قصيدة عن البحر"],
    "fa": ["پایتخت مغولستان چیست؟"],
    "ur": ["منگولیا کا دارالحکومت کیا ہے؟ بڑے شہر"],
    "hi": ["मंगोलिया की राजधानी क्या है?", "समुद्र पर कविता लिखो"],
    "el": ["Ποια είναι η πρωτεύουσα της Μογγολίας;"],
    "he": ["מהי בירת מונגוליה?"],
    "th": ["เมืองหลวงของมองโกเลียคืออะไร"],
    "pl": ["Jaka jest stolica Mongolii i gdzie to jest?", "Napisz wiersz o morzu, proszę"],
    "tr": ["Moğolistan'ın başkenti neresi ve nasıl bir yer?"],
    "sv": ["Vad är huvudstaden i Mongoliet?"],
    "vi": ["Thủ đô của Mông Cổ là gì?"],
    "cs": ["Jaké je hlavní město Mongolska, prosím?"],
}  # fmt: skip


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in SAID.items() for text in texts])
def test_a_question_is_in_its_language(code: str, text: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize("text", ["", " ", "12345", "???", "xyzzy", "🎉🎉", "----", "\ud800"])
def test_what_has_no_language_gets_none(text: str) -> None:
    assert language(text) == ""


def test_the_beginning_tells() -> None:
    assert language("Was ist das für ein Tier und wo lebt es? " * 8 + "the end of the story " * 500) == "de"
    assert language("x" * SAMPLE + " the and of") == ""


def test_a_foreign_quotation_does_not_tell() -> None:
    assert language('how do you say "где вокзал" in Japanese and what is it in Polish?') == "en"
    assert language("この文を英語に訳してください: the bridge") == "ja"
