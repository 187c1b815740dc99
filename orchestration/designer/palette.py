"""What a step can be: elements and registered actions, with the words and symbols that the designer shows."""

from dataclasses import dataclass

from orchestration.actions import ACTIONS
from orchestration.designer.edits import ELEMENT_NAMES

# action key or kind: (symbol, group, one line)
WORDS = {
    "condition": ("alt_route", "Elements", "Yes if the step before succeeded, No if it failed. The branches end by themselves."),
    "condition_merge": ("alt_route", "Elements", "Yes or No by the step before; both rejoin below."),
    "splitter": ("call_split", "Elements", "Named branches; a record takes each one whose filters it passes."),
    "splitter_merge": ("call_split", "Elements", "Named branches that rejoin below, once all that were taken have ended."),
    "validate_order_header": ("fact_check", "Check", "Execution policies decide whether the order is valid."),
    "validate_order_line": ("checklist", "Check", "Execution policies decide for each line."),
    "assign_fulfillment_source": ("pin_drop", "Source and stock", "A policy names the source of lines."),
    "send_to_dom": ("hub", "Source and stock", "The order's strategy finds the best sources."),
    "send_fulfillment_process_request": ("assignment_turned_in", "Source and stock", "Check assigned sources, create fulfillment orders, or both."),
    "split_order": ("account_tree", "Source and stock", "Child orders by the split groups of the lines; amounts are conserved."),
    "soft_reserve": ("inventory_2", "Source and stock", "Take the stock that was found."),
    "send_to_fulfillment": ("local_shipping", "Send", "Ask a fulfillment provider to ship."),
    "send_to_fulfillment_erp": ("domain", "Send", "The same through an ERP's connection."),
    "send_to_worklist": ("checklist_rtl", "Send", "People at the source take it up."),
    "send_to_invoice": ("receipt_long", "Send", "Ask a billing provider for an invoice."),
    "wait": ("hourglass_empty", "Wait and hold", "Until an event is raised, or its deadline."),
    "hold": ("pause_circle", "Wait and hold", "Stop here until somebody releases the hold."),
    "provider_action": ("extension", "More", "Any action that a provider declares; the path goes on with its answer."),
    "custom": ("tune", "More", "Policies of your own, then an event of your own."),
}  # fmt: skip
GROUPS = ("Elements", "Check", "Source and stock", "Send", "Wait and hold", "More")


@dataclass(frozen=True, slots=True)
class Entry:
    what: str
    label: str
    symbol: str
    sentence: str
    group: str


def entry(what: str) -> Entry:
    """An action that is not known any more is shown by its key."""
    symbol, group, sentence = WORDS.get(what, ("extension", "More", ""))
    label = ELEMENT_NAMES.get(what) or (
        ACTIONS[what].label if what in ACTIONS else what or "No action chosen"
    )
    return Entry(what, label, symbol, sentence, group)


def palette() -> list[tuple[str, list[Entry]]]:
    every = [entry(what) for what in (*ELEMENT_NAMES, *ACTIONS)]
    grouped = [(group, [found for found in every if found.group == group]) for group in GROUPS]
    return [(group, found) for group, found in grouped if found]
