"""Fewest sources that together bring a set of lines whole, and fewest that bring one line in parts. Pure.

Lines are bits of a mask. Every source offers the sets of lines that it can bring at once: one set as a rule, several
when two lines want the same product and it has enough for either only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EXACT_LINES = 10  # 1,024 sets; an order with more lines is covered greedily


@dataclass(frozen=True, slots=True)
class Offer:
    """A source, how far it is, whether the order uses it anyhow (then it is no further split), and its sets of lines."""

    source_id: int
    distance: float
    free: bool
    masks: tuple[int, ...]


def cheapest_cover(offers: Sequence[Offer], lines: int, max_new: int) -> dict[int, int]:
    """Source id -> the lines it brings. Most lines first, then fewest new sources, then least distance in all.

    `offers` come nearest first. Exact up to EXACT_LINES lines, greedy above.
    """
    everything = (1 << lines) - 1
    for offer in offers:  # nearest first, so the first that has everything is the answer
        if everything in offer.masks and (offer.free or max_new > 0):
            free = next((o for o in offers if o.free and everything in o.masks), offer)
            return {free.source_id: everything}
    offers = _useful(offers, lines)
    return _exact(offers, max_new) if lines <= EXACT_LINES else _greedy(offers, everything, max_new)


def _useful(offers: Sequence[Offer], lines: int) -> list[Offer]:
    """Of sources that offer the same, the nearest: one is enough, unless each can take one of two rival lines."""
    kept, seen = [], {}
    for offer in offers:
        same = (offer.free, offer.masks)
        limit = 1 if len(offer.masks) == 1 else lines
        if offer.masks and seen.get(same, 0) < limit:
            seen[same] = seen.get(same, 0) + 1
            kept.append(offer)
    return kept


def _exact(offers: Sequence[Offer], max_new: int) -> dict[int, int]:
    """Best way to each reachable set of lines, source by source, so that none is used twice."""
    best: dict[int, tuple] = {0: (0, 0.0, ())}
    for offer in offers:
        for covered, (new, distance, chosen) in list(best.items()):
            count = new if offer.free else new + 1
            if count > max_new:
                continue
            for mask in offer.masks:
                reached = covered | mask
                if reached == covered:
                    continue
                found = (count, distance + offer.distance, (*chosen, (offer.source_id, mask & ~covered)))
                if reached not in best or found[:2] < best[reached][:2]:
                    best[reached] = found
    covered = min(best, key=lambda mask: (-mask.bit_count(), best[mask][:2]))
    return dict(best[covered][2])


def _greedy(offers: Sequence[Offer], everything: int, max_new: int) -> dict[int, int]:
    """Again and again the source that brings most of what is missing, the nearest of equals."""
    chosen: dict[int, int] = {}
    missing, left = everything, max_new
    while missing:
        options = [
            ((mask & missing).bit_count(), -place, offer, mask & missing)
            for place, offer in enumerate(offers)
            if offer.source_id not in chosen and (offer.free or left > 0)
            for mask in offer.masks
        ]
        gain, _, offer, mask = max(options, key=lambda option: option[:2], default=(0, 0, None, 0))
        if not gain:
            break
        chosen[offer.source_id] = mask
        missing &= ~mask
        left -= not offer.free
    return chosen


def fewest_parts(
    available: Mapping[int, int], quantity: int, free: frozenset[int], max_new: int
) -> dict[int, int]:
    """Source id -> units of one line, with as few new sources as possible, the nearest of those; {} if it cannot be.

    `available` comes nearest first.
    """
    at_hand = sum(units for source, units in available.items() if source in free)
    others = {source: units for source, units in available.items() if source not in free and units > 0}
    count = _how_many(others, quantity - at_hand, max_new)
    if count is None:
        return {}
    picked = _nearest_of(others, quantity - at_hand, count)
    return _filled({s: u for s, u in available.items() if s in free or s in picked}, quantity)


def most_units(available: Mapping[int, int], free: frozenset[int], max_new: int) -> int:
    """The most units of one line that so many new sources can bring besides those that come anyway."""
    others = sorted((units for source, units in available.items() if source not in free), reverse=True)
    return sum(units for source, units in available.items() if source in free) + sum(others[:max_new])


def _how_many(units: Mapping[int, int], wanted: int, limit: int) -> int | None:
    got = count = 0
    for most in sorted(units.values(), reverse=True)[:limit]:
        if got >= wanted:
            break
        got, count = got + most, count + 1
    return count if got >= wanted else None


def _nearest_of(units: Mapping[int, int], wanted: int, count: int) -> set[int]:
    """Take a source if those with most among the others could bring the rest in the turns that are left."""
    picked: set[int] = set()
    for source, have in units.items():
        turns = count - len(picked) - 1
        if turns < 0 or wanted <= 0:
            break
        rest = sorted((u for s, u in units.items() if s != source and s not in picked), reverse=True)
        if have + sum(rest[:turns]) >= wanted:
            picked.add(source)
            wanted -= have
    return picked


def _filled(units: Mapping[int, int], quantity: int) -> dict[int, int]:
    """Largest first, so that as few as possible of them are needed; answered in the order they came in."""
    taken: dict[int, int] = {}
    for source, have in sorted(units.items(), key=lambda item: -item[1]):
        if part := min(have, quantity):
            taken[source] = part
            quantity -= part
    return {source: taken[source] for source in units if source in taken}
