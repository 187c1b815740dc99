"""One line alone, on PostgreSQL: the guarded UPDATE, the reservation and the movement as one statement.

It is the same guard and the same rows as a batch of one, without the waiting between statements, because a hot position
serializes on its row. Whatever it cannot grant as it stands (short, repeated key, no position) it leaves to the batch.
"""

from collections.abc import Sequence

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from inventory.models import InventoryMovement, InventoryPosition, Reservation
from inventory.types import ReservationLine, ReservationRequest
from iom.lib import bulk
from iom.lib.retry import AGAIN, sqlstate

SQL = f"""
WITH taken AS (
    UPDATE {InventoryPosition._meta.db_table} AS p SET reserved = reserved + %(quantity)s, updated_at = %(now)s
    WHERE product_id = %(product_id)s AND source_id = %(source_id)s
        AND on_hand - reserved - safety_stock >= %(quantity)s
        AND NOT EXISTS (SELECT 1 FROM {Reservation._meta.db_table} WHERE key = %(key)s)
    RETURNING id
), held AS (
    INSERT INTO {Reservation._meta.db_table}
        (key, reference, position_id, quantity, kind, state, expires_at, created_at)
    SELECT %(key)s, %(reference)s, id, %(quantity)s, %(kind)s, 'active', %(expires_at)s::timestamptz, %(now)s FROM taken
)
INSERT INTO {InventoryMovement._meta.db_table}
    (position_id, kind, on_hand_delta, reserved_delta, safety_stock_delta, reference, reason, actor, at)
SELECT id, 'reserve', 0, %(quantity)s, 0, %(reference)s, '', %(actor)s, %(now)s FROM taken
"""  # noqa: S608 - names come from the models only


def attempt(requests: Sequence[ReservationRequest], *, actor: str) -> dict[str, int] | None:
    """What was granted; None, with nothing changed, if the batch has to decide."""
    if not bulk.is_postgresql() or len(requests) != 1 or len(requests[0].lines) != 1:
        return None
    (request,), (line,) = requests, requests[0].lines
    try:
        taken = _take(line, request, actor)
    except IntegrityError:  # the same key at the same moment; the batch answers what it holds
        return None
    except OperationalError as error:
        if sqlstate(error) not in AGAIN or connection.in_atomic_block:
            raise
        return None
    return {line.key: line.quantity} if taken else None


def _take(line: ReservationLine, request: ReservationRequest, actor: str) -> bool:
    if connection.in_atomic_block:
        with (
            transaction.atomic()
        ):  # a savepoint, so that a key used twice does not spoil the caller's transaction
            return _execute(line, request, actor)
    return _execute(
        line, request, actor
    )  # one statement is a transaction of its own: the row is locked once, briefly


def _execute(line: ReservationLine, request: ReservationRequest, actor: str) -> bool:
    parameters = {
        "key": line.key,
        "reference": line.reference,
        "product_id": line.product_id,
        "source_id": line.source_id,
        "quantity": line.quantity,
        "kind": request.kind,
        "expires_at": request.expires_at,
        "actor": actor,
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(SQL, parameters)
        return cursor.rowcount == 1
