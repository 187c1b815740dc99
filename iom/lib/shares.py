"""Whole numbers shared out so that nothing is lost or gained."""

from collections.abc import Sequence


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Parts of `total` in proportion to weights, which add up to it: largest remainder, the first of equals. No weight: evenly."""
    if not any(weights):
        weights = [1] * len(weights)
    size, sign, whole = abs(total), (-1 if total < 0 else 1), sum(weights)
    parts = [size * weight // whole for weight in weights]
    rests = [(-(size * weight % whole), n) for n, weight in enumerate(weights)]
    for _, n in sorted(rests)[: size - sum(parts)]:
        parts[n] += 1
    return [sign * part for part in parts]
