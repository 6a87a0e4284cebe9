"""Names of members, as Google's servers take them."""

import re
from collections.abc import Mapping

_SNAKE = re.compile(r"(?<=[a-z0-9])_([a-z])")


def camel(value: Mapping[str, object]) -> Mapping[str, object]:
    """An object with its members' names in camel case: `system_instruction` is `systemInstruction`."""
    if not any("_" in name for name in value):
        return value
    return {_SNAKE.sub(lambda found: found[1].upper(), name): item for name, item in value.items()}
