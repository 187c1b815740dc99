"""What a flow does to an order, said a second time in plain Python: sets of lines that go through a tree. No engine code.

All live lines that are in one sequence go on together. A step of lines judges each; a step of the order needs all that are
in its sequence (`stuck` says that some stay behind), and so does a merge for all that went into its branches.
"""

from collections import defaultdict
from dataclasses import dataclass, field

Lines = frozenset


@dataclass
class Story:
    """By step: lines (or 0 for the order) that it passed, skipped and failed; where lines stand; events; lines validated."""

    passed: dict = field(default_factory=lambda: defaultdict(list))
    skipped: dict = field(default_factory=lambda: defaultdict(list))
    failed: dict = field(default_factory=lambda: defaultdict(list))
    standing: dict = field(default_factory=lambda: defaultdict(set))
    raised: set = field(default_factory=set)
    touched: set = field(default_factory=set)

    @property
    def state(self):
        states = {state for _, state in self.standing}
        return "attention" if "failed" in states else "waiting" if states else "done"


def tell(flows, order, events):
    """A story for each flow of one order; they hear each other's events, so it is told until no new one comes up."""
    known = set(events)
    while True:
        stories = [_Teller(order, policies, known).tell(steps) for steps, policies in flows]
        heard = known.union(*(story.raised for story in stories))
        if heard == known:
            return stories
        known = heard


class _Teller:
    def __init__(self, order, policies, events):
        self.order, self.policies, self.events, self.story = order, policies, events, Story()

    def tell(self, steps):
        self.sequence(steps, dict.fromkeys(self.order["lines"], True), stuck=False)
        return self.story

    def sequence(self, nodes, alive, stuck):
        """`alive`: line -> did the step before succeed for it. Returns who comes out, and whether somebody stays behind."""
        for position, node in enumerate(nodes):
            if not alive:
                break
            following = nodes[position + 1]["kind"] if position + 1 < len(nodes) else ""
            if node["kind"] == "action":
                alive, stuck = self.action(node, alive, stuck, asked=following.startswith("condition"))
            elif node["kind"].startswith("condition"):
                roads = [
                    ([n for n in alive if alive[n]], node["yes"]),
                    ([n for n in alive if not alive[n]], node["no"]),
                ]
                alive, stuck = self.roads(node, roads, stuck)
            else:
                alive, stuck = self.splitter(node, alive, stuck)
        return alive, stuck

    # -- steps ---------------------------------------------------------------------------------------------------

    def action(self, node, alive, stuck, asked):
        level, key = _level(node), node["key"]
        if level == "order" and stuck:
            return self.stand(key, "joining", alive)
        if not self.events.intersection(node.get("input_events") or self.events | {""}) and node.get(
            "input_events"
        ):
            return self.stand(key, "waiting", alive)
        records = [0] if level == "order" else list(alive)
        out, bad = {}, []
        for record in records:
            mine = list(alive) if level == "order" else [record]
            outcome = self.outcome(node, record, alive)
            getattr(self.story, outcome)[key].append(record)
            if outcome == "failed":
                bad += mine
            out |= dict.fromkeys(mine, outcome != "failed")
            if node["action"] == "validate_order_line" and outcome != "skipped":
                self.story.touched.add(record)
        if self.story.passed[key] and (event := node["parameters"].get("raise_event")):
            self.story.raised.add(event)
        if not bad or asked:
            return out, stuck
        if event := node.get("resume_on_error"):
            self.story.raised.add(event)
            return dict.fromkeys(out, True), stuck
        self.stand(key, "failed", bad)
        return {n: True for n in out if n not in bad}, True

    def outcome(self, node, record, alive):
        if not all(self.holds(name, record, alive) for name in node.get("filters", [])):
            return "skipped"
        checks = [
            name for name in node.get("policies", []) if self.policies[name]["criticality"] == "critical"
        ]
        return "passed" if all(self.holds(name, record, alive) for name in checks) else "failed"

    def holds(self, name, record, alive):
        """A policy of lines asked of the order speaks of all its lines here; one of the order is the same for each line."""
        policy = self.policies[name]
        (rule,) = policy["rules"]
        test = rule["condition"]
        if policy["entity"] == "order":
            return _compare(self.order, test)
        return all(_compare(self.order["lines"][n], test) for n in ([record] if record else alive))

    def stand(self, key, state, lines):
        self.story.standing[key, state].update(lines)
        return {}, True

    # -- elements ------------------------------------------------------------------------------------------------

    def splitter(self, node, alive, stuck):
        whole = node["level"] == "order"
        if whole and stuck:
            return self.stand(node["key"], "joining", alive)
        takes = {b["key"]: self.takers(b, alive, whole) for b in node["branches"] if not b["otherwise"]}
        rest = [n for n in alive if not any(n in took for took in takes.values())]
        for branch in node["branches"]:
            if branch["otherwise"]:
                takes[branch["key"]], rest = rest, []
        if rest:
            stuck = True
            self.stand(node["key"], "failed", rest)
        return self.roads(node, [(takes[b["key"]], b["steps"]) for b in node["branches"]], stuck)

    def takers(self, branch, alive, whole):
        return [n for n in alive if all(self.holds(f, 0 if whole else n, alive) for f in branch["filters"])]

    def roads(self, node, roads, stuck):
        """Each road is a sequence of its own. A merge lets nobody out while somebody stays behind inside."""
        out, inside = set(), False
        for lines, steps in roads:
            went, behind = self.sequence(steps, dict.fromkeys(lines, True), stuck=False)
            out, inside = out.union(went), inside or behind
        if not node["kind"].endswith("_merge"):
            return {}, stuck or inside
        if inside and out:
            self.stand(f"{node['key']}.merge", "joining", out)
        return ({}, True) if inside else (dict.fromkeys(out, True), stuck)


def _level(node):
    default = "order_line" if node["action"] == "validate_order_line" else "order"
    return node["parameters"].get("level", default)


def _compare(record, test):
    found, value = record[test["field"]], test["value"]
    return {"equals": found == value, "at_least": found >= value if type(found) is int else False}[test["op"]]
