"""The sentences that answers are put together from; `{a}`, `{b}` and `{c}` stand for words of the prompt."""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES = (
    "The main point about {a} is how it depends on {b}.",
    "In practice {a} matters most when {b} changes.",
    "It helps to look at {a} first and at {b} only afterwards.",
    "A careful reader would separate {a} from {b} and check both against {c}.",
    "There are two common views of {a}: one starts from {b}, the other from {c}.",
    "If {b} stays the same, {a} follows almost directly.",
    "Most of the difference comes from {a}, and a smaller part from {c}.",
    "For {a}, the usual rule holds: keep {b} simple and measure it.",
    "Note that {c} can change this picture, so it is worth a second look.",
    "Taken together, {a} and {b} give a clear answer.",
    "One example is {a} in the presence of {c}, where the effect is easy to see.",
    "This is why {b} is often named before {a}.",
)
SHORT = (
    "It is {a}.",
    "Yes: {a} and {b} belong together.",
    "The answer is {a}.",
    "In short, {a} because of {b}.",
    "No, {a} does not depend on {b}.",
)
ITEMS = (
    "**{a}**: found beside {b}",
    "**{a}**: stated once",
    "**{a}**: stands for {c}",
    "**{a}**: confirmed by {b}",
    "**{a}**: named in the text",
)
STEPS = (
    "Write down what is known about {a}.",
    "Relate {a} to {b}.",
    "Check whether {c} changes the relation.",
    "Put {b} into the result and simplify.",
    "Compare the outcome with {a} once more.",
)
TRANSLATED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "french": ("Voici la traduction : « le {a} et la {b} vont ensemble ».", "Le {a} dépend de la {b}."),
        "german": ("Hier ist die Übersetzung: „{a} und {b} gehören zusammen.“", "Es kommt auf {a} und {b} an."),
        "spanish": ("Esta es la traducción: «{a} y {b} van juntos».", "Todo depende de {a} y de {b}."),
        "italian": ("Ecco la traduzione: «{a} e {b} vanno insieme».", "Tutto dipende da {a} e da {b}."),
        "portuguese": ("Aqui está a tradução: «{a} e {b} andam juntos».", "Tudo depende de {a} e de {b}."),
        "japanese": ("翻訳は次のとおりです。「{a}と{b}は一緒です。」", "{a}は{b}によります。"),
        "english": ("Here is the translation: “{a} and {b} belong together.”", "Everything depends on {a} and {b}."),
    }
)
CODE: Mapping[str, str] = MappingProxyType(
    {
        "python": "def {a}({b}):\n    result = []\n    for {c} in {b}:\n        result.append({c})\n    return result",
        "javascript": "function {a}({b}) {{\n  return {b}.filter(({c}) => {c} !== undefined);\n}}",
        "typescript": "export function {a}({b}: string[]): string[] {{\n  return {b}.map(({c}) => {c}.trim());\n}}",
        "sql": "SELECT {a}, COUNT({b}) AS total\nFROM {c}\nGROUP BY {a}\nORDER BY total DESC;",
        "bash": 'for {a} in "$@"; do\n  echo "${a}" | sort -u >> {b}.txt\ndone',
        "rust": "fn {a}({b}: &[u32]) -> u32 {{\n    {b}.iter().map(|{c}| {c} * 2).sum()\n}}",
        "java": "static int {a}(List<Integer> {b}) {{\n    return {b}.stream().mapToInt({c} -> {c}).sum();\n}}",
        "golang": "func {a}({b} []int) int {{\n\tsum := 0\n\tfor _, {c} := range {b} {{\n\t\tsum += {c}\n\t}}\n\treturn sum\n}}",
    }
)
REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I'm not able to assist with this request.",
    "Sorry, I cannot answer that.",
)
OFF_TOPIC = ("lighthouse", "marmalade", "harbour", "accordion", "glacier", "postcard")
AFTER_TOOL = "Going by what the tools returned, {a} is settled."
