"""Tells the language of a short text: by its script, and by function words where the script is Latin."""

from itertools import repeat

SAMPLE = 240
"""Characters that are looked at."""

_STRIDE = 4
"""Of a long sample, every fourth character decides about the script."""

_KANA = frozenset(map(chr, range(0x3041, 0x3100)))

_SCRIPTS = {  # code points, in blocks of 128
    "": (0x0, 0x300), "el": (0x380, 0x400), "ru": (0x400, 0x580), "he": (0x580, 0x600), "ar": (0x600, 0x780),
    "hi": (0x900, 0x980), "bn": (0x980, 0xA00), "pa": (0xA00, 0xA80), "gu": (0xA80, 0xB00), "ta": (0xB80, 0xC00),
    "te": (0xC00, 0xC80), "kn": (0xC80, 0xD00), "ml": (0xD00, 0xD80), "si": (0xD80, 0xE00), "th": (0xE00, 0xE80),
    "ka": (0x1080, 0x1100), "am": (0x1200, 0x1380), "km": (0x1780, 0x1800), "ja": (0x3000, 0x3100),
    "zh": (0x4E00, 0xA000), "ko": (0xAC00, 0xD780),
}  # fmt: skip

_DENSE = frozenset({"ja", "zh", "ko"})
"""One of their characters says as much as two letters."""

_WORDS = {
    "en": "the of and to in is you that it for on are with as this be have what how why can do does my your me please"
    " not or from at if we write explain an by i which when there was will should give between into them translate"
    " about one with no hey hi ok thanks just get make need want good last so your more some any make let",
    "de": "der die das und ist nicht ein eine einen ich du sie es mit auf für von zu den dem wie was warum kann bitte"
    " mir mein im auch wir oder aber wenn werden schreib schreibe welche gibt zum zur als dass sind bei nach mich"
    " fasse zusammen: zusammen übersetze erkläre nenne ins",
    "fr": "le la les de des et est un une que qui dans pour pas sur avec vous je ce il elle nous mon ma quel quelle"
    " comment pourquoi du au aux ne plus moi cette ces écris peux veux sont en à ou son résume traduis explique",
    "es": "el la los las de que y en un una es por con para no se lo mi qué cómo cuál está como pero favor del al su"
    " me quiero puedes más escribe cuáles son entre esta este hay tengo resume traduce explica",
    "it": "il lo la gli le di che e un una è per con non sono come cosa perché mi della del nel questo puoi dei alla"
    " più anche ho scrivi qual quali sul tra nella i da ed mio delle riassumi traduci spiega",
    "pt": "o a os as de que e um uma é para com não em por se como qual você meu minha do da no na dos mais isso está"
    " eu são ao escreva quais seu sua pelo foi tem resuma traduza explique",
    "nl": "de het een en van is dat in op te voor met niet zijn je ik hoe wat waarom kan mijn aan naar er ook maar deze"
    " schrijf welke tussen wordt",
    "sv": "och det att en ett är som på för med inte jag du av den till hur vad kan har om min varför mellan skriv",
    "da": "og det at en et er som på for med ikke jeg du af den til hvordan hvad kan har om min hvorfor mellem skriv",
    "nb": "og det at en et er som på for med ikke jeg du av den til hvordan hva kan har om min hvorfor mellom skriv",
    "fi": "ja on ei se että mikä miten minä voi kun mutta tämä ovat olen mitä miksi kirjoita voitko ole tai",
    "pl": "i w na nie się jest to że z do jak co dla proszę czy o po mnie moje dlaczego napisz jaka jakie są między",
    "cs": "a je v na se to že s do jak co pro prosím jsem není který proč napiš jaký mezi jsou ale",
    "ro": "și de la în nu este un o cu pe că ce cum pentru sunt mai din scrie care între vă",
    "tr": "ve bir bu için ne nasıl ile de da çok mı mi değil ben var neden lütfen yaz arasındaki nedir olarak",
    "hu": "a az és nem hogy egy van ez kérem miért hogyan meg mi írj milyen között vagy",
    "id": "yang dan di ini itu untuk dengan tidak apa saya dari ke bagaimana adalah pada tulis antara tolong mengapa",
    "vi": "và là của không có cho tôi một được này như thế nào trong các với viết hãy những",
}  # fmt: skip

_MARKS = {
    "de": "ßäöü", "fr": "œêèçàùîâûëï", "es": "ñ¿¡", "pt": "ãõ", "pl": "łąęśżźćń", "cs": "řěůčšž", "ro": "țșă",
    "tr": "ğşıçöü", "hu": "őű", "vi": "ơưđạảấầậếềệộờợ", "sv": "åäö", "da": "æøå", "nb": "æøå", "fi": "äö",
}  # fmt: skip

# Votes are counted in one integer, a byte for each language: a sum over a sample is then a single call.
_LATIN = tuple(_WORDS)
_SCRIPT_CODES = tuple(_SCRIPTS)
_JA, _ZH = _SCRIPT_CODES.index("ja"), _SCRIPT_CODES.index("zh")


def _ballots(profiles: dict[str, list[str]]) -> dict[str, int]:
    """For each item of the profiles, one vote in the byte of every language that has it."""
    ballots: dict[str, int] = {}
    for language_code, items in profiles.items():
        for item in items:
            ballots[item] = ballots.get(item, 0) + (1 << 8 * _LATIN.index(language_code))
    return ballots


_WORD_BALLOTS = _ballots({code: words.split() for code, words in _WORDS.items()})
_MARK_BALLOTS = _ballots({code: list(marks) for code, marks in _MARKS.items()})
_BLOCK_BALLOTS = {
    block: 1 << 8 * _SCRIPT_CODES.index(code)
    for code, (start, end) in _SCRIPTS.items()
    for block in range(start >> 7, end >> 7)
}


def language(text: str) -> str:
    """ISO 639-1 code of the language that `text` begins in, or an empty string where nothing tells it."""
    sample = text[:SAMPLE]
    return (not sample.isascii() and _by_script(sample)) or _by_words(sample)


def _by_script(sample: str) -> str:
    """The language that a script stands for, if another one than Latin prevails."""
    chosen = sample[::_STRIDE] if len(sample) > SAMPLE // 2 else sample
    blocks = [point >> 7 for point in map(ord, chosen)]
    votes = bytearray(sum(map(_BLOCK_BALLOTS.get, blocks, repeat(0))).to_bytes(len(_SCRIPT_CODES), "little"))
    # Both share Han and its punctuation; only Japanese has kana.
    votes[_ZH], votes[_JA] = (votes[_ZH] + votes[_JA], 0) if _KANA.isdisjoint(chosen) else (0, votes[_ZH] + votes[_JA])
    latin, votes[0] = votes[0], 0
    best = max(votes)
    code = _SCRIPT_CODES[votes.index(best)]
    return _variant(code, sample) if best * (2 if code in _DENSE else 1) > latin else ""


def _variant(code: str, sample: str) -> str:
    """Tell apart the larger languages of one script by letters that only one of them has."""
    if code == "ru" and not {*"іїєґ"}.isdisjoint(sample):
        return "uk"
    if code == "ar" and not {*"پچگژ"}.isdisjoint(sample):
        return "ur" if not {*"ٹڈڑےں"}.isdisjoint(sample) else "fa"
    return code


def _by_words(sample: str) -> str:
    """The language most of whose function words and letters occur; the first in order if several."""
    lower = sample.lower()
    ballots = sum(map(_WORD_BALLOTS.get, lower.split(), repeat(0)))
    if not sample.isascii():
        ballots += sum(map(_MARK_BALLOTS.get, set(lower), repeat(0)))
    votes = ballots.to_bytes(len(_LATIN), "little")
    return _LATIN[votes.index(max(votes))] if ballots else ""
