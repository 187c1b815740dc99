"""Flow files: JSON with a schema of our own. Every fault is named by its path, before anything is read from it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.entities import levels, policy_entities
from orchestration.errors import NotPublishable
from orchestration.services.checking import MOST_STEPS

SCHEMA_FILE = Path(__file__).parent.parent / "flows" / "schema.json"
LARGEST = 2 * 1024 * 1024
DEEPEST = 200  # levels of JSON; a drawing of 20 levels has some 80
MOST_FAULTS = 50
VERSION = 1


def read(text: bytes | str) -> dict[str, Any]:
    """The document of a file. Raises NotPublishable with each fault: no JSON, another version, not a flow, too large."""
    try:
        document = json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NotPublishable([("file", f"this is not a JSON file: {error}")]) from error
    check(document)
    return document


def check(document: Any) -> None:
    """Raises NotPublishable unless the document is a flow of this version and within the limits."""
    if _depth(document) > DEEPEST:
        raise NotPublishable([("file", f"is nested deeper than {DEEPEST} levels")])
    if isinstance(document, dict) and document.get("schema", VERSION) != VERSION:
        sentence = f"must be {VERSION}; this file is from another version"
        raise NotPublishable([("schema", sentence)])
    faults = []
    for error in _validator().iter_errors(document):
        faults.append((_path(error), _sentence(error)))
        if len(faults) >= MOST_FAULTS:
            break
    if faults:
        raise NotPublishable(faults)


@cache
def _validator():
    """A jsonschema validator; its schemas of schemas take a while to load, and few processes read a flow file."""
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA_FILE.read_text())
    schema["$defs"]["level"]["enum"] = list(levels())
    schema["$defs"]["policy"]["properties"]["entity"]["enum"] = [key for key, _ in policy_entities()]
    return Draft202012Validator(schema)


def _depth(document: Any) -> int:
    """Without recursion, as the document may be made to break one."""
    level, depth = [document], 0
    while level and depth <= DEEPEST:
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        depth += 1
    return depth


def _path(error: Any) -> str:
    path = ""
    for part in error.absolute_path:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".") or "file"


def _sentence(error: Any) -> str:
    if error.validator == "maxItems" and error.absolute_path and error.absolute_path[-1] == "steps":
        return f"has more than {MOST_STEPS} steps"
    return error.message[:200]
