"""Undo and redo of one person's edits of one draft, kept in the session, packed.

An entry is usable only while the draft is what that edit left: what somebody else saved since is never undone blindly.
"""

import base64
import json
import zlib
from collections.abc import Mapping, MutableMapping
from typing import Any

from orchestration.designer.faults import NothingToUndo, StaleDraft

MOST = 30
NAME = "flow_edits"
FLOWS = 3  # drafts whose edits a session remembers


def remember(session: MutableMapping, flow_id: int, *, before: Mapping, revision: str, sentence: str) -> None:
    """Note an edit: the draft as it was before, the revision it led to, and what was done in words."""
    kept = _kept(session, flow_id)
    kept["undo"] = [*kept["undo"], [revision, _packed(before), sentence]][-MOST:]
    kept["redo"] = []
    _keep(session, flow_id, kept)


def peek(session: MutableMapping, flow_id: int, way: str, revision: str) -> str:
    """What would be undone or redone, in words; empty if nothing can be."""
    entries = _kept(session, flow_id)[way]
    return entries[-1][2] if entries and entries[-1][0] == revision else ""


def step(
    session: MutableMapping, flow_id: int, way: str, *, draft: Mapping, revision: str
) -> tuple[dict, str]:
    """The draft to go back (or forth) to, and what that takes back. Call `stepped` once it is saved."""
    entries = _kept(session, flow_id)[way]
    if not entries:
        raise NothingToUndo(f"There is nothing to {way}.")
    if entries[-1][0] != revision:
        raise StaleDraft
    return _unpacked(entries[-1][1]), entries[-1][2]


def stepped(session: MutableMapping, flow_id: int, way: str, *, left: Mapping, revision: str) -> None:
    kept = _kept(session, flow_id)
    _, _, sentence = kept[way].pop()
    other = "redo" if way == "undo" else "undo"
    kept[other] = [*kept[other], [revision, _packed(left), sentence]][-MOST:]
    _keep(session, flow_id, kept)


def _kept(session: MutableMapping, flow_id: int) -> dict[str, list]:
    return session.get(NAME, {}).get(str(flow_id)) or {"undo": [], "redo": []}


def _keep(session: MutableMapping, flow_id: int, kept: dict) -> None:
    every = {**session.get(NAME, {})}
    every.pop(str(flow_id), None)
    every[str(flow_id)] = kept
    session[NAME] = dict(list(every.items())[-FLOWS:])


def _packed(draft: Mapping[str, Any]) -> str:
    return base64.b85encode(zlib.compress(json.dumps(draft).encode())).decode()


def _unpacked(text: str) -> dict[str, Any]:
    return json.loads(zlib.decompress(base64.b85decode(text)))
