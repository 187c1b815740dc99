"""Small differences between the databases, each behind one name."""

from django.db.models import BigIntegerField, Func


class TransactionId(Func):
    """The id of the present transaction; 0 where only one can write at a time, since ids are then in commit order."""

    output_field = BigIntegerField()
    template = "(0)"
    arity = 0

    def as_postgresql(self, compiler, connection, **extra):
        return super().as_sql(compiler, connection, template="txid_current()", **extra)
