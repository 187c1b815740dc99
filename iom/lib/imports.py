"""What importers share: cells to values with a sentence for what is wrong, and the report of an import. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from iom.lib.tabular import Row

_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


@dataclass(frozen=True, slots=True)
class FailedRow:
    line: int
    cells: tuple[str, ...]
    reason: str


@dataclass
class Report:
    """What became of the rows. `taken` counts what changed something, `same` what was there already."""

    total: int = 0
    taken: int = 0
    same: int = 0
    failed: list[FailedRow] = field(default_factory=list)

    def fail(self, rows: Sequence[Row], reason: str) -> None:
        self.failed += [FailedRow(row.line, row.cells, reason) for row in rows]

    def as_dict(self) -> dict[str, Any]:
        rows = [
            [row.line, list(row.cells), row.reason] for row in sorted(self.failed, key=lambda row: row.line)
        ]
        return {"total": self.total, "taken": self.taken, "same": self.same, "failed": rows}


class BadCell(ValueError):
    """A cell that cannot be what its column is; the text is the sentence."""


def cell(row: Row, name: str, convert: Callable[[str], Any] = str, default: Any = "") -> Any:
    """The value of a cell; `default` when it is empty or the column is not there. Raises BadCell naming the column."""
    text = row.values.get(name, "")
    if not text:
        return default
    try:
        return convert(text)
    except ValueError as error:
        raise BadCell(f"{name} “{text:.40}” {error}") from error


def required(row: Row, name: str, convert: Callable[[str], Any] = str) -> Any:
    if not row.values.get(name, ""):
        raise BadCell(f"{name} is empty")
    return cell(row, name, convert)


def whole(text: str) -> int:
    if not text.lstrip("+-").isdecimal() or len(text) > 18:
        raise ValueError("is not a whole number")
    return int(text)


def decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("is not a number; write 1234.50, without thousands") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
        raise ValueError("is not a number that can be used")
    return number


def truth(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("is neither true nor false")


def moment(text: str) -> datetime:
    """ISO 8601; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a time; write 2026-11-20T14:30:00+00:00") from None
    if not 1990 <= found.year <= 2100:
        raise ValueError("is not a year from 1990 to 2100")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
