"""Did any of these tables change: one small query, so that what is read of them can be kept until then."""

from collections.abc import Sequence
from functools import lru_cache

from django.db import connection

from iom.lib.bulk import is_postgresql


def stamp(tables: Sequence[str]) -> tuple | None:
    """Equal only while no row of these tables was added, changed or deleted; None: this database cannot tell.

    Of each table the count of rows and the sums of who wrote them (transaction, command): a change makes the sums larger, a
    deletion the count smaller.
    """
    if not is_postgresql():
        return None
    with connection.cursor() as cursor:
        cursor.execute(_statement(tuple(tables)))
        return connection.settings_dict["NAME"], *cursor.fetchone()


@lru_cache(64)
def _statement(tables: tuple[str, ...]) -> str:
    one = (
        "(SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) || ':' || "
        "coalesce(sum(cmin::text::bigint), 0) FROM {})"
    )
    quoted = (connection.ops.quote_name(table) for table in tables)
    return f"SELECT {', '.join(one.format(name) for name in quoted)}"
