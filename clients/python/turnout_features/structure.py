"""Counts what the lines of a text are: code, data, passages, instructions."""

import re
from dataclasses import dataclass

from turnout_features.patterns import compiled_set

LOOK = 300
"""Bytes of a line that are looked at."""

HEAD, TAIL = 192, 64
"""Lines at both ends of a text that are looked at."""

ASK_HEAD, ASK_TAIL = 600, 400
"""Bytes at both ends of plain prose, where people say what they want."""

_PASSAGE = "document|passage|source|context|chunk|excerpt|snippet|article|reference|fact|dokument|quelle|kontext|contexte|contexto|contesto"
_DECLARATION = (
    "public|private|protected|static|final|const|let|var|function|func|fn|impl|struct|enum|interface|namespace|package|using"
    "|export|pub|type"
)
# What a line may be, each with its pattern; the order gives the indexes below.
_LINE_PATTERNS = (
    ("fence", r"^\s{0,8}(?:```|~~~)"),
    ("chunk", rf"(?i)^\W{{0,3}}(?:{_PASSAGE})(?:\s*[#\[(]?\d+[\])]?\s*(?:[:.)\-–]|$)|\s*:)"),
    ("chunk", r"(?i)^\s*<(?:document|doc|passage|context|chunk|source|search_result|excerpt)\b[^>]*>"),
    ("chunk", r"^\s*\[\d{1,3}\]\s+\S"),
    ("chunk", r"^\s*(?:文档|资料|参考|上下文|背景|文書|コンテキスト|Документ|Источник|Контекст|المستند|السياق|सन्दर्भ|संदर्भ)\s*\d*\s*[:：]"),
    ("data", r"^\s*\|.*\|\s*$"),
    ("data", r"^[^\t]+\t[^\t]+\t[^\t]"),
    ("data", r"^[^,;\s][^,;]*(?:[,;](?:[^,;\s][^,;]*|\"[^\"]*\")?){2,}$"),
    ("data", r'^\s*[{\[]?\s*"[^"]{1,80}"\s*:'),
    ("data", r"^\s*[{}\[\]]{1,3},?\s*$"),
    ("data", r"^\s*<[/!?]?[A-Za-z][^<>]{0,200}>.*(?:>|$)"),
    ("data", r"^\W?\d{4}-\d\d-\d\d[T ]\d\d:\d\d"),
    ("data", r"^[\d.:a-fA-F]{7,39} - \S+ \[\d"),
    ("code", r"^\s*(?:def|class|async def)\s+\w+.*:\s*$"),
    ("code", r"^\s*(?:from [\w.]+ )?import [\w.{*]"),
    ("code", r"^\s*(?:if|elif|for|while|with|except|try|else|finally)\b.*:\s*$"),
    ("code", r"^\s*(?:return|raise|yield|await|throw|assert|print)\b.*[\w)\]'\";]$"),
    ("code", rf"^\s*(?:{_DECLARATION}|@\w+)\b.*[{{;(=)]"),
    ("code", r"^\s*(?:#include|#define|#!/|//|/\*|\*/|--\s)"),
    ("code", r"[^\s]\s*[;{]\s*$"),
    ("code", r"^\s*[})\]]+[;,]?\s*$"),
    ("code", r"^\s*[A-Za-z_][\w.\[\]'\"]*\s*(?:[-+*/]|:|<<)?=\s*\S"),
    ("code", r"^\s*[A-Za-z_][\w.]*\([^()]*(?:\([^()]*\)[^()]*)*\)[;:]?\s*$"),
    ("code", r"=>|->\s*\w+\s*[:{]|\)\s*\{|&&|\|\||:=|!==?\s|::\w+\("),
    ("code", r"^\s*(?i:select\s.+\sfrom|insert into|update \w+ set|create (?:table|index|or replace)|delete from|alter table)\b"),
    ("code", r"^\s*(?:FROM|WHERE|JOIN|LEFT JOIN|INNER JOIN|GROUP BY|ORDER BY|HAVING|LIMIT|VALUES|SELECT)\b"),
    ("code", r"^\s*(?:\$|>>>|%|#)\s(?:\w+\s?[-./=(\w]*)+$"),
    ("code", r"^(?:Traceback \(most|\s+at [\w.$<>]+\(|\s*File \"[^\"]+\", line \d)|^\w*(?:Error|Exception): "),
    ("step", r"^\s*(?:\d{1,2}\s?[.)]|(?i:step|schritt|étape|paso|passo)\s\d{1,2}\b[:.)]?|\(?[a-z]\))\s*\S"),
    ("step", r"^\s*(?:[①-⑳]|第?[一二三四五六七八九十]+[、步.])\s*\S"),
)  # fmt: skip
_KINDS = tuple(kind for kind, _ in _LINE_PATTERNS)
_LINES = compiled_set(_LINE_PATTERNS)

_VERBS_LATIN = (
    "write|create|make|generate|build|implement|design|draft|compose|give|provide|list|explain|describe|summari[sz]e|translate"
    "|rewrite|rephrase|convert|extract|find|compute|calculate|solve|prove|show|derive|compare|analy[sz]e|evaluate|discuss|identify"
    "|classify|fix|debug|refactor|optimi[sz]e|add|remove|use|include|exclude|return|output|answer|format|keep|avoid|ensure|make sure"
    "|don'?t|do not|never|always|only|assume|consider|justify|propose|suggest|plan|review|check|verify|test|state|define|outline"
    "|tell|help|read|write|mention|highlight|sort|group|note|put|start|end|begin|then|finally|also|next"
    "|schreibe?|erstelle?|erkläre?|beschreibe|fasse|übersetze|liste|nenne|berechne|vergleiche|analysiere|gib|finde|verwende|achte"
    "|écris|écrivez|rédige[zr]?|explique[zr]?|décri[st]|résume[zr]?|tradui[st]|traduisez|donne[zr]?|liste[zr]?|calcule[zr]?|compare[zr]?"
    "|escribe|redacta|crea|explica|describe|resume|traduce|enumera|calcula|compara|analiza|dame|haz|usa|incluye"
    "|scrivi|spiega|descrivi|riassumi|traduci|elenca|confronta|analizza|dammi|fai|includi"
    "|escreva|explique|descreva|resuma|traduza|liste|calcule|compare|analise|faça|inclua"
)
_LEAD = r"(?:please|pls|plz|bitte|por favor|per favore|merci de|and|then|now|ok|so|hey|hi),? "
_REQUEST = r"(?:can|could|would|will) you(?: please)? |i (?:want|need) you to |you (?:must|should) "
_CONSTRAINTS = (
    r"must|should|need to|needs to|has to|have to|at least|at most|no more than|exactly|without|make sure|ensure|do not|don'?t|never"
    r"|muss|müssen|soll|höchstens|mindestens|ohne|doit|devez|sans|debe|sin|deve|senza|sem"
)
_VERBS_OTHER = (
    "напиши|составь|создай|объясни|опиши|переведи|перечисли|вычисли|реши|докажи|сравни|найди|исправь|сделай|дай|используй|добавь"
    "|请|帮我|写|翻译|总结|解释|列出|计算|证明|比较|分析|设计|实现|不要|给我|提取"
    "|اكتب|اشرح|ترجم|لخص|اذكر|احسب|قارن|أعط|صف|استخرج"
    "|लिखो|लिखें|लिखिए|समझाओ|समझाइए|अनुवाद|बताओ|बताइए"
)
REQUESTS = (
    ("asks", rf"(?i)^\W{{0,4}}(?:{_LEAD})?(?:{_REQUEST})?(?:{_VERBS_LATIN})(?:\s|$|[:,])"),
    ("asks", rf"(?i)^\W{{0,4}}(?:{_VERBS_OTHER})"),
    ("asks", r"(?:てください|して下さい|しなさい|해\s?주세요|하세요|하십시오|してくれ)\W{0,3}$"),
    ("asks", r"(?:लिख(?:ो|ें|िए)|कर(?:ो|ें|िए)|कीजिए|बता(?:ओ|एँ|इए)|समझा(?:ओ|इए))\W{0,3}$"),
)  # fmt: skip
"""Patterns of a sentence that asks for something."""

_SENTENCE_PATTERNS = (
    *REQUESTS,
    ("binds", rf"(?i)\b(?:{_CONSTRAINTS})\b"),
)
_SENTENCES = compiled_set(_SENTENCE_PATTERNS)

_ENDS = (b"! ", b"? ", b": ", b"\xe3\x80\x82", b"\xe0\xa5\xa4", b"\xd8\x9f")
"""Ends of a sentence beside the full stop; the last three are the ideographic stop, danda and Arabic question mark."""

_OPTION = re.compile(rb"^[ \t(*]{0,6}([A-Za-z])[.):]", re.MULTILINE)
_SECOND_OPTION = re.compile(rb"\n[ \t(*]{0,6}[Bb][.):]")
"""Few texts have one, and it is found sooner than the first, which may be at the begin of the text."""

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_NO_CODE = frozenset(b" json csv tsv xml html yaml text txt md markdown log".split(b" "))
"""What a fence may announce that is not program text; its lines are judged one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """How many lines of each kind a text has, how many instructions and answers to choose from; `cut` if not all of it was looked at."""

    code_blocks: int = 0
    code_lines: int = 0
    structured_lines: int = 0
    retrieved_chunks: int = 0
    instructions: int = 0
    answer_options: int = 0
    cut: bool = False


def structure(text: str, ask: str = "") -> Structure:
    """Judge `text` line by line, in linear time.

    An instruction is a numbered step anywhere, or a sentence of plain prose that asks for something or sets a condition:
    in `ask` if that is given, else near the beginning or the end.
    """
    lines = list(filter(None, text.encode("utf-8", "replace").split(b"\n")))
    seen = lines if len(lines) <= HEAD + TAIL else lines[:HEAD] + lines[-TAIL:]
    kinds, prose = _kinds(seen)
    spoken = ask.encode("utf-8", "replace").split(b"\n") if ask else prose
    return Structure(
        code_blocks=(kinds.count("fence") + 1) // 2,
        code_lines=kinds.count("code"),
        structured_lines=kinds.count("data"),
        retrieved_chunks=kinds.count("chunk"),
        instructions=kinds.count("step") + _asked(b". ".join(spoken)),
        answer_options=_options(seen),
        cut=len(lines) > HEAD + TAIL,
    )


def _kinds(lines: list[bytes]) -> tuple[list[str], list[bytes]]:
    """The kinds of those lines that have one, and the others unless they are fenced."""
    kinds: list[str] = []
    prose: list[bytes] = []
    program = fenced = False
    for line in lines:
        found = _LINES.Match(line[:LOOK])
        kind = _KINDS[min(found)] if found else ""
        if kind == "fence":
            fenced = not fenced
            program = fenced and line.strip(b" `~\r").lower() not in _NO_CODE
        elif program:
            kind = "code"
        elif not kind and not fenced:
            prose.append(line)
        kinds.append(kind)
    return kinds, prose


def _options(lines: list[bytes]) -> int:
    """How many lines of the longest list begin with A, B, C and so on, each with a mark behind it; of one alone, 0."""
    text = b"\n".join(lines)
    if not _SECOND_OPTION.search(text):
        return 0
    most = count = 0
    for letter in _OPTION.findall(text):
        at = _LETTERS.find(letter.upper())
        if at in {0, count}:
            count = at + 1
            most = max(most, count)
    return most if most > 1 else 0


def _asked(prose: bytes) -> int:
    """How many sentences at both ends of `prose` ask for something or set a condition."""
    if len(prose) > ASK_HEAD + ASK_TAIL:
        prose = prose[:ASK_HEAD] + b". " + prose[-ASK_TAIL:]
    return sum([_SENTENCES.Match(sentence) is not None for sentence in sentences(prose)])


def sentences(prose: bytes) -> list[bytes]:
    """Sentences of `prose` that are long enough to say something."""
    for end in _ENDS:
        if end in prose:
            prose = prose.replace(end, b". ")
    return [sentence for sentence in prose.split(b". ") if len(sentence) > 3]
