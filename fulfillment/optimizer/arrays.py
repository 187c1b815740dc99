"""Tables of arrays that check themselves: type, shape and range of every column, with the field's name in the error."""

from dataclasses import MISSING, field, fields

import numpy as np

UNLIMITED = np.iinfo(np.int32).max // 4


class ProblemError(ValueError):
    """A column of a problem is not what it must be; `field` names it as table.column."""

    code = "invalid_problem"

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        super().__init__(f"{field}: {sentence}")


def column(dtype, *dims, low=None, high=None, fill=MISSING):
    """A dataclass field for an array of `dims` (names of sizes); `fill` makes it optional."""
    spec = {"dtype": np.dtype(dtype), "dims": dims, "low": low, "high": high, "fill": fill}
    return field(default=None if fill is not MISSING else MISSING, metadata=spec)


def settle(table, name: str, sizes: dict[str, int]) -> None:
    """Turn every column of `table` into a read-only array and check it; new sizes are added to `sizes`."""
    for spec in (one for one in fields(table) if one.metadata):
        value = _array(getattr(table, spec.name), spec.metadata, f"{name}.{spec.name}", sizes)
        _check_range(value, spec.metadata, f"{name}.{spec.name}")
        value.flags.writeable = False
        object.__setattr__(table, spec.name, value)


def runs(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The positions of runs laid end to end: count[0] from first[0] on, then count[1] from first[1] on, and so forth."""
    ends = np.cumsum(count)
    return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(first - ends + count, count)


def within(value: np.ndarray, name: str, size: int, *, none: bool = False) -> None:
    """Every entry is an index below `size` (-1 too when `none`)."""
    low = -1 if none else 0
    if value.size and (value.min() < low or value.max() >= size):
        raise ProblemError(name, f"an index lies outside {low} to {size - 1}.")


def offsets(start: np.ndarray, name: str, total: int) -> None:
    """`start` cuts `total` rows into consecutive runs."""
    if start[0] != 0 or start[-1] != total or (np.diff(start) < 0).any():
        raise ProblemError(name, f"must rise from 0 to {total}.")


def _array(value, spec, name: str, sizes: dict[str, int]) -> np.ndarray:
    if value is None:
        return np.full(tuple(sizes[dim] for dim in spec["dims"]), spec["fill"], spec["dtype"])
    try:
        given = np.asarray(value)
        made = given.astype(spec["dtype"], casting="unsafe" if given.size == 0 else "same_kind")
    except (TypeError, ValueError) as error:
        raise ProblemError(name, f"must be an array of {spec['dtype']}.") from error
    if made.ndim != len(spec["dims"]):
        raise ProblemError(name, f"must have {len(spec['dims'])} dimension(s), not {made.ndim}.")
    for dim, size in zip(spec["dims"], made.shape, strict=True):
        if sizes.setdefault(dim, size) != size:
            raise ProblemError(name, f"has {size} entries along {dim}, expected {sizes[dim]}.")
    return made


def _check_range(value: np.ndarray, spec, name: str) -> None:
    if not value.size:
        return
    if value.dtype.kind == "f" and np.isnan(value).any():
        raise ProblemError(name, "has an entry that is not a number.")
    if spec["low"] is not None and value.min() < spec["low"]:
        raise ProblemError(name, f"has {value.min()}, below {spec['low']}.")
    if spec["high"] is not None and value.max() > spec["high"]:
        raise ProblemError(name, f"has {value.max()}, above {spec['high']}.")
