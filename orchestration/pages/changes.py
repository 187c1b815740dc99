"""The editor's operations: from a form that was sent to a new draft, a sentence and what to show next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from orchestration.designer import edits, tree
from orchestration.designer.faults import NoSuchPlace
from orchestration.designer.palette import entry


@dataclass(frozen=True, slots=True)
class Change:
    draft: dict[str, Any]
    sentence: str
    shown: str = ""  # the query of the page to come back to


Edit = Callable[[Mapping[str, Any], QueryDict], Change]


def gap(text: str) -> tuple[str, int]:
    place, _, position = text.rpartition(":")
    if not position.isdecimal() or len(position) > 4:
        raise NoSuchPlace(text)
    return place, int(position)


def _insert(draft: Mapping, sent: QueryDict) -> Change:
    what = sent.get("what", "")
    name = sent.get("name", "").strip() or entry(what).label
    fresh, key = edits.insert(draft, *gap(sent.get("at", "")), what, name)
    return Change(fresh, f"Inserted {name}", f"step={key}")


def _move(draft: Mapping, sent: QueryDict) -> Change:
    key, by = sent.get("step", ""), -1 if sent.get("by") == "up" else 1
    name = tree.find(tree.copy_of(draft), key).node["name"]
    return Change(edits.move(draft, key, by), f"Moved {name} {'up' if by < 0 else 'down'}", f"step={key}")


def _move_to(draft: Mapping, sent: QueryDict) -> Change:
    key = sent.get("step", "")
    fresh = edits.move_to(draft, key, *gap(sent.get("at", "")))
    return Change(fresh, f"Moved {tree.find(fresh, key).node['name']}", f"step={key}")


def _duplicate(draft: Mapping, sent: QueryDict) -> Change:
    fresh, key = edits.duplicate(draft, sent.get("step", ""))
    return Change(fresh, f"Made {tree.find(fresh, key).node['name']}", f"step={key}")


def _delete(draft: Mapping, sent: QueryDict) -> Change:
    key = sent.get("step", "")
    name = tree.find(tree.copy_of(draft), key).node["name"]
    return Change(edits.delete(draft, key, sent.get("keep", "")), f"Deleted {name}")


def _add_branch(draft: Mapping, sent: QueryDict) -> Change:
    key, name = sent.get("step", ""), sent.get("name", "")
    return Change(edits.add_branch(draft, key, name)[0], f"Added branch {name.strip()}", f"step={key}")


def _delete_branch(draft: Mapping, sent: QueryDict) -> Change:
    key, branch = sent.get("step", ""), sent.get("branch", "")
    name = tree.branch_at(tree.find(tree.copy_of(draft), key).node, branch).get("name", branch)
    return Change(edits.delete_branch(draft, key, branch), f"Deleted branch {name}", f"step={key}")


def _move_branch(draft: Mapping, sent: QueryDict) -> Change:
    key, by = sent.get("step", ""), -1 if sent.get("by") == "up" else 1
    fresh = edits.move_branch(draft, key, sent.get("branch", ""), by)
    return Change(fresh, "Moved a branch", f"step={key}")


CHANGES: dict[str, Edit] = {
    "insert": _insert,
    "move": _move,
    "move_to": _move_to,
    "duplicate": _duplicate,
    "delete": _delete,
    "add_branch": _add_branch,
    "delete_branch": _delete_branch,
    "move_branch": _move_branch,
}
