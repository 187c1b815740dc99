"""Small differences between the databases, each behind one name."""

from collections.abc import Iterator, KeysView, ValuesView
from contextlib import contextmanager

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BigAutoField, BigIntegerField, Field, ForeignKey, Func, IntegerField
from django.db.models.fields.related_lookups import RelatedIn
from django.db.models.lookups import In

COLLECTIONS = (list, tuple, set, frozenset, dict, KeysView, ValuesView)


class TransactionId(Func):
    """The id of the present transaction; 0 where only one can write at a time, since ids are then in commit order."""

    output_field = BigIntegerField()
    template = "(0)"
    arity = 0

    def as_postgresql(self, compiler, connection, **extra):
        return super().as_sql(compiler, connection, template="txid_current()", **extra)


class _OneArray:
    """`column = ANY(array)` instead of `column IN (a, b, …)`: one parameter, so a batch of a thousand is bound as fast as one.

    Whole numbers, which ids nearly always are, are taken as they are; anything else is prepared value by value.
    """

    def get_prep_lookup(self):
        if isinstance(self.rhs, COLLECTIONS) and self._is_whole_numbers():
            return list(self.rhs)
        return super().get_prep_lookup()

    def _is_whole_numbers(self) -> bool:
        return set(map(type, self.rhs)) == {int} and isinstance(_target(self.lhs.output_field), IntegerField)

    def as_postgresql(self, compiler, connection):
        if not self.rhs_is_direct_value():
            return self.as_sql(compiler, connection)
        values = dict.fromkeys(self.rhs)
        values.pop(None, None)
        if not values:
            raise EmptyResultSet
        left, parameters = self.process_lhs(compiler, connection)
        if set(map(type, values)) == {int}:
            return f"{left} = ANY(%s::bigint[])", [*parameters, f"{{{','.join(map(str, values))}}}"]
        return f"{left} = ANY(%s)", [*parameters, list(values)]


def _target(field: Field) -> Field:
    """What a foreign key's values are, down to the end of a chain of them."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field


class ArrayIn(_OneArray, In):
    pass


class ArrayRelatedIn(_OneArray, RelatedIn):
    pass


def bind_as_array(*names: Field) -> None:
    """For natural keys that are looked up by the hundred, such as SKUs."""
    for name in names:
        name.register_lookup(ArrayIn)


def bind_ids_as_arrays() -> None:
    """For keys and whole numbers, on PostgreSQL; other databases keep IN."""
    BigAutoField.register_lookup(ArrayIn)
    BigIntegerField.register_lookup(ArrayIn)
    ForeignKey.register_lookup(ArrayRelatedIn)


class WriteRefused(RuntimeError):
    """Something was to be written where only reading is allowed; it was not."""


@contextmanager
def reading_only() -> Iterator[None]:
    """Whatever runs inside may ask the database and change nothing: any statement but SELECT raises WriteRefused."""

    def guard(execute, sql, params, many, context):
        if not sql.lstrip("( \n").upper().startswith("SELECT"):
            raise WriteRefused(f"{sql[:60]} …")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(guard):
        yield
