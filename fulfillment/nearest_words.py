"""Why a line goes where it goes, as a sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence

from fulfillment.sourcing_strategy import LineNeed, OrderNeed, SourceFacts


class NearestWords:
    def __init__(self, order: OrderNeed, ranked: Sequence[tuple[SourceFacts, int | None, float]]) -> None:
        self.order = order
        self._places = {source.id: (source, km) for source, km, _ in ranked}

    def place(self, pk: int) -> tuple[SourceFacts | None, int | None]:
        return self._places.get(pk, (None, None))

    def name(self, pk: int) -> str:
        source, _ = self.place(pk)
        return source.name or source.code if source else "an unknown source"

    def far(self, pk: int) -> str:
        source, km = self.place(pk)
        if km is not None:
            return f"{km:,} km"
        same = source is not None and self.order.region and source.region == self.order.region
        return f"distance unknown, {'same region' if same else 'other region'}"

    def whole(self, pk: int, mine: int, of: int, rivals: int, sources: int, *, is_used: bool = False) -> str:
        if sources > 1:
            return (
                f"{self.name(pk)}: brings {mine} of {of} lines whole ({self.far(pk)}); "
                f"no source had all items, {sources} together are the fewest."
            )
        if not rivals:
            return f"{self.name(pk)}: brings {mine} of {of} lines whole ({self.far(pk)})."
        if rivals == 1:
            return f"{self.name(pk)}: the only source that had all items ({self.far(pk)})."
        if is_used:
            return f"{self.name(pk)}: the order comes from there already, one of {rivals} sources that had all items ({self.far(pk)})."
        return f"{self.name(pk)}: nearest of {rivals} sources that had all items ({self.far(pk)})."

    def parts(self, line: LineNeed, parts: Mapping[int, int]) -> str:
        each = [f"{self.name(pk)} ({units:,}, {self.far(pk)})" for pk, units in parts.items()]
        if (found := sum(parts.values())) < line.quantity:
            return f"{found:,} of {line.quantity:,} from {_joined(each)}: there is no more now, the rest is backordered."
        return f"Split over {_joined(each)}: no source had all {line.quantity:,}."

    def assigned(self, line: LineNeed, removal: tuple[str, str] | None, units: int, *, checked: bool) -> str:
        name = self.name(line.fixed_source_id)
        if removal:
            return f"Not sourced: assigned to {name}, {removal[1]}."
        stock = f"{line.quantity:,} available" if checked else "stock not checked"
        if units < line.quantity:
            stock = f"{units:,} of {line.quantity:,} available, the rest is backordered"
        return f"{name}: assigned by policy, {stock} ({self.far(line.fixed_source_id)})."

    def missing(self, line: LineNeed, view: Mapping[int, tuple], have: Mapping[int, int]) -> str:
        counts = Counter(kind for kind, _ in view.values())
        why = _joined([f"{count} {kind}" for kind, count in counts.most_common()]) or "there is none"
        total = sum(have.values())
        if total >= line.quantity:
            return f"Not sourced: no source had all {line.quantity:,}, and lines are not split ({why})."
        if len(have) > 1:
            return f"Not sourced: {len(have)} sources together had {total:,} of {line.quantity:,} ({why})."
        return f"Not sourced: of {len(view)} sources {why}."

    def no_room(self) -> str:
        limit = self.order.rules.max_sources
        return f"Not sourced: it takes one more source, and the order may use {limit}."


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
