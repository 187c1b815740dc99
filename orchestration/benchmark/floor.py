"""The floor of the engine: the same rows written by plain SQL, set-based, by as many connections, and nothing decided.

What the engine wrote stands in source tables beside its twins; the floor is INSERT ... SELECT and UPDATE ... FROM these,
a batch a transaction, so not one value passes through Python or the wire, and ids are known beforehand. Twins have the
columns, indexes, checks and foreign keys of the real tables: what the server does to keep its promises is its own cost,
whoever writes. The bare floor is the same without foreign keys.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestration.benchmark import rig
from orchestration.engine.advance import BATCH

NOT_OURS = ("floor_", "django_q")
FILL = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}")


@dataclass(frozen=True, slots=True)
class _Table:
    """`inserts`: its rows are written anew; `updates`: how often each of them is changed after that."""

    name: str
    columns: sql.Composable
    sets: sql.Composable
    inserts: bool
    updates: int

    @property
    def source(self) -> sql.Identifier:
        return sql.Identifier(f"floor_source_{self.name}")

    def write(self, raw: psycopg.Connection, start: int, end: int) -> None:
        share = sql.SQL(" WHERE s.share >= {} AND s.share < {}").format(sql.Literal(start), sql.Literal(end))
        source = sql.SQL("{} s").format(self.source)
        if self.inserts:
            raw.execute(FILL.format(_twin(self.name), self.columns, self.columns, source) + share)
        for _ in range(self.updates):
            update = sql.SQL("UPDATE {} t SET {} FROM {}").format(_twin(self.name), self.sets, source)
            raw.execute(update + share + sql.SQL(" AND t.id = s.id"))


class Replay:
    """Twins of the tables, into which the engine's own rows are written again, each as often as the engine wrote it.

    A table that the engine only updated is filled beforehand.
    """

    def __init__(self, url: str, written: Mapping[str, tuple[int, int]], orders: int) -> None:
        self.url, self.orders = url, orders
        with rig.raw_connection(url) as raw:
            self.tables = [
                self._table(raw, name, inserted, updated)
                for name, (inserted, updated) in sorted(written.items())
                if not name.startswith(NOT_OURS) and inserted + updated >= orders / 10  # not a row a batch
            ]

    def run(self, orders: int, workers: int, *, bare: bool = False) -> float:
        """Orders a second with `workers` connections, each on a share of its own; the rows are counted before."""
        self._reset()
        with foreign_keys(self.url, () if bare else [table.name for table in self.tables]):
            return self._timed(orders, workers)

    def _timed(self, orders: int, workers: int) -> float:
        share = orders // workers
        threads = [threading.Thread(target=self._share, args=(n * share, share)) for n in range(workers)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        if orders == self.orders == share * workers:
            self._verify()
        return share * workers / seconds

    def _table(self, raw: psycopg.Connection, name: str, inserted: int, updated: int) -> _Table:
        count, updates = _shape(name, inserted, updated, self.orders)
        columns = [column for (column,) in raw.execute(COLUMNS, [f'"{name}"'])]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        sets = sql.SQL(", ").join(
            sql.SQL("{0} = s.{0}").format(sql.Identifier(column)) for column in columns if column != "id"
        )
        table = _Table(name, names, sets, inserted >= count, updates)
        raw.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}").format(_twin(name), table.source))
        raw.execute(TWIN.format(_twin(name), sql.Identifier(name)))
        raw.execute(
            SOURCE.format(table.source, sql.Literal(self.orders), sql.Identifier(name), sql.Literal(count))
        )
        raw.execute(sql.SQL("CREATE INDEX ON {} (share)").format(table.source))
        raw.execute(sql.SQL("ANALYZE {}").format(table.source))
        return table

    def _reset(self) -> None:
        with rig.raw_connection(self.url) as raw:
            for table in self.tables:
                raw.execute(sql.SQL("TRUNCATE {}").format(_twin(table.name)))
                if not table.inserts:
                    raw.execute(FILL.format(_twin(table.name), table.columns, table.columns, table.source))
                raw.execute(sql.SQL("ANALYZE {}").format(_twin(table.name)))

    def _share(self, first: int, orders: int) -> None:
        with psycopg.connect(self.url) as raw:
            for start in range(first, first + orders, BATCH):
                end = min(start + BATCH, first + orders)
                with raw.transaction():
                    for table in self.tables:
                        table.write(raw, start, end)

    def _verify(self) -> None:
        with rig.raw_connection(self.url) as raw:
            for table in self.tables:
                counts = sql.SQL("SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})")
                there, wanted = raw.execute(counts.format(_twin(table.name), table.source)).fetchone()
                assert there == wanted, f"{table.name}: {there} of {wanted} rows"


COLUMNS = """SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
             AND attgenerated = '' ORDER BY attnum"""
TWIN = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)")
SOURCE = sql.SQL(
    "CREATE TABLE {} AS SELECT newest.*, (row_number() OVER (ORDER BY id) - 1) * {} / count(*) OVER () AS share "
    "FROM (SELECT * FROM {} ORDER BY id DESC LIMIT {}) AS newest"
)


def _shape(name: str, inserted: int, updated: int, orders: int) -> tuple[int, int]:
    """How many rows, and how often each is updated."""
    if inserted >= orders / 10:
        return inserted, round(updated / inserted)
    if updated < orders:
        return max(updated, 1), 1
    rows = orders * (3 if name.endswith("line") else 1)
    return rows, round(updated / rows)


class Copies:
    """The newest rows of some tables, copied into their twins."""

    def __init__(self, url: str, written: Mapping[str, tuple[int, int]]) -> None:
        self.url = url
        self.rows: dict[str, tuple[str, bytes]] = {}
        with rig.raw_connection(url) as raw:
            for name, (inserted, _) in sorted(written.items()):
                if inserted:
                    self.rows[name] = self._read(raw, name, inserted)

    def run(self, *, bare: bool = False) -> float:
        """Seconds for all of it in one transaction, a COPY a table."""
        with foreign_keys(self.url, () if bare else self.rows), psycopg.connect(self.url) as raw:
            for name in self.rows:
                raw.execute(sql.SQL("TRUNCATE {}").format(_twin(name)))
            raw.commit()
            started = time.perf_counter()
            for name, (columns, text) in self.rows.items():
                statement = sql.SQL("COPY {} ({}) FROM STDIN").format(_twin(name), sql.SQL(columns))
                with raw.cursor().copy(statement) as copy:
                    copy.write(text)
            raw.commit()
            return time.perf_counter() - started

    def _read(self, raw: psycopg.Connection, name: str, count: int) -> tuple[str, bytes]:
        raw.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_twin(name)))
        like = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)")
        raw.execute(like.format(_twin(name), sql.Identifier(name)))
        found = raw.execute(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND NOT attisdropped AND attname <> 'id' ORDER BY attnum",
            [f'"{name}"'],
        ).fetchall()
        columns = ", ".join(column for (column,) in found)
        newest = sql.SQL("COPY (SELECT {} FROM {} ORDER BY id DESC LIMIT {}) TO STDOUT").format(
            sql.SQL(columns), sql.Identifier(name), sql.Literal(count)
        )
        with raw.cursor().copy(newest) as copy:
            return columns, b"".join(bytes(block) for block in copy)


@contextmanager
def foreign_keys(url: str, names: Iterable[str]) -> Iterator[None]:
    """Give the twins of these tables the tables' own foreign keys, which point at the real rows.

    They are there while the floor runs only: the tables that they point at would pay for them in the engine's rounds.
    """
    with rig.raw_connection(url) as raw:
        found = raw.execute(FOREIGN_KEYS, [[f'"{name}"' for name in names]]).fetchall()
        twins = [(_twin(table), sql.Identifier(key), sql.SQL(definition)) for table, key, definition in found]
        for twin, key, definition in twins:
            raw.execute(
                sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {} NOT VALID").format(twin, key, definition)
            )
        try:
            yield
        finally:
            for twin, key, _ in twins:
                raw.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(twin, key))


FOREIGN_KEYS = """SELECT t.relname, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c
                  JOIN pg_class t ON t.oid = c.conrelid
                  WHERE c.contype = 'f' AND c.conrelid = ANY(%s::regclass[]) ORDER BY 1, 2"""


def _twin(name: str) -> sql.Identifier:
    return sql.Identifier(f"floor_{name}")
