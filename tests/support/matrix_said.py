"""What the scenarios of the matrix say: short prompts, two tools, a picture."""

import base64
from typing import Any

from pydantic import BaseModel

BRIEF = "Name a colour in one word."
LONG = "Explain step by step why trains need signals."
ONE = "Use get_weather for Paris."
BOTH = "Use get_weather and get_time for Paris."
SYSTEM = "You answer like a signalman."
ADDRESS = "https://pictures.example/signal.png"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE_TEXT = base64.b64encode(PICTURE).decode()
PICTURE_URL = f"data:image/png;base64,{PICTURE_TEXT}"
CITY_TOOLS = {"get_weather": ["city"], "get_time": ["city"]}
"""The tools by name, each with the names of its arguments."""
CITY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class City(BaseModel):
    """What is asked for by schema."""

    name: str
    inhabitants: int


def functions() -> list[dict[str, Any]]:
    """Both tools as JSON schema has them."""
    return [{"name": name, "description": f"{name} of a city", "parameters": CITY_SCHEMA} for name in CITY_TOOLS]


def chat_tools() -> list[Any]:
    """The tools as chat completions have them."""
    return [{"type": "function", "function": function} for function in functions()]
