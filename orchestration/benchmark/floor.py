"""The floor of the engine: the same rows written by plain psycopg, set-based, by as many connections, and nothing decided."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestration.benchmark import rig
from orchestration.engine.advance import BATCH


@dataclass(frozen=True, slots=True)
class _Table:
    """`rows` to insert for all orders, without the identity column; `updates`: how often each order's rows are updated."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: list[tuple]
    keys: list[int]
    updates: int


class Replay:
    """Copies of the tables (same columns, indexes and checks) into which the engine's own rows are written again.

    A table that the engine only updated is copied with its rows beforehand, and updated as often.
    """

    def __init__(self, url: str, written: Mapping[str, tuple[int, int]], orders: int) -> None:
        self.url, self.orders = url, orders
        with rig.raw_connection(url) as raw:
            self.tables = [
                self._copy(raw, name, inserted, updated)
                for name, (inserted, updated) in sorted(written.items())
                if inserted + updated >= orders / 2 and not name.startswith(("floor_", "django_q"))
            ]

    def run(self, orders: int, workers: int) -> float:
        """Orders a second with `workers` connections, each on a share of its own."""
        self._reset()
        share = orders // workers
        threads = [threading.Thread(target=self._share, args=(n * share, share)) for n in range(workers)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return share * workers / (time.perf_counter() - started)

    def _copy(self, raw: psycopg.Connection, name: str, inserted: int, updated: int) -> _Table:
        copy, table = sql.Identifier(f"floor_{name}"), sql.Identifier(name)
        raw.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(copy))
        raw.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(copy, table))
        columns = raw.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND NOT attisdropped AND attidentity = '' ORDER BY attnum",
            [f'"{name}"'],
        ).fetchall()
        chosen = sql.SQL(", ").join(
            sql.SQL("{}::text" if kind == "jsonb" else "{}").format(sql.Identifier(column))
            for column, kind in columns
        )
        query = sql.SQL("SELECT {} FROM {} ORDER BY ctid DESC LIMIT %s").format(chosen, table)
        rows = raw.execute(query, [inserted]).fetchall() if inserted else []
        newest = sql.SQL("SELECT id FROM {} ORDER BY id DESC LIMIT %s").format(table)
        touched = max(1, round(updated / self.orders)) if updated else 0
        size = len(rows) or self.orders * (3 if name.endswith("line") else 1)
        keys = [] if rows else [pk for (pk,) in raw.execute(newest, [size]).fetchall()]
        rounds = round(updated / max(1, size)) if touched else 0
        return _Table(name, tuple(columns), rows, keys, rounds)

    def _reset(self) -> None:
        with rig.raw_connection(self.url) as raw:
            for table in self.tables:
                copy = sql.Identifier(f"floor_{table.name}")
                raw.execute(sql.SQL("TRUNCATE {}").format(copy))
                if table.keys:
                    fill = sql.SQL(
                        "INSERT INTO {} OVERRIDING SYSTEM VALUE SELECT * FROM {} WHERE id = ANY(%s)"
                    )
                    raw.execute(fill.format(copy, sql.Identifier(table.name)), [table.keys])
                raw.execute(sql.SQL("ANALYZE {}").format(copy))

    def _share(self, first: int, orders: int) -> None:
        with psycopg.connect(self.url) as raw:
            for start in range(first, first + orders, BATCH):
                end = min(start + BATCH, first + orders)
                with raw.transaction():
                    for table in self.tables:
                        self._write(raw, table, start / self.orders, end / self.orders)

    def _write(self, raw: psycopg.Connection, table: _Table, start: float, end: float) -> None:
        """The part of a table's rows that belongs to these orders: one insert, and one update for each time they changed."""
        copy = sql.Identifier(f"floor_{table.name}")
        keys = table.keys[int(start * len(table.keys)) : int(end * len(table.keys))]
        rows = table.rows[int(start * len(table.rows)) : int(end * len(table.rows))]
        if rows:
            names = sql.SQL(", ").join(sql.Identifier(column) for column, _ in table.columns)
            casts = sql.SQL(", ").join(sql.SQL("%s::" + kind + "[]") for _, kind in table.columns)
            insert = sql.SQL(
                "INSERT INTO {} ({}) SELECT * FROM unnest({}) ON CONFLICT DO NOTHING RETURNING id"
            )
            arrays = [list(values) for values in zip(*rows, strict=True)]
            keys = [pk for (pk,) in raw.execute(insert.format(copy, names, casts), arrays).fetchall()]
        column = sql.Identifier(table.columns[-1][0])
        for _ in range(table.updates):
            raw.execute(
                sql.SQL("UPDATE {} SET {} = {} WHERE id = ANY(%s)").format(copy, column, column), [keys]
            )


class Copies:
    """The newest rows of some tables, copied into bare twins with the same columns, indexes and checks."""

    def __init__(self, url: str, written: Mapping[str, tuple[int, int]]) -> None:
        self.url = url
        self.rows: dict[str, tuple[str, bytes]] = {}
        with rig.raw_connection(url) as raw:
            for name, (inserted, _) in sorted(written.items()):
                if inserted:
                    self.rows[name] = self._read(raw, name, inserted)

    def run(self) -> float:
        """Seconds for all of it in one transaction, a COPY a table."""
        with psycopg.connect(self.url) as raw:
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


def _twin(name: str) -> sql.Identifier:
    return sql.Identifier(f"floor_{name}")
