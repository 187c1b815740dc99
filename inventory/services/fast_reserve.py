"""On PostgreSQL: the guarded UPDATE, the reservations and the movements as one statement.

The same guard and the same rows as statement by statement, but each line is sent once. `attempt` is for one line alone,
since a hot position serializes on its row: it locks nothing before, and what it can neither grant nor refuse as it
stands (repeated key, no position, a part) it leaves to the batch. `hold` is for a batch that has been granted under locks.
"""

from collections.abc import Sequence

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from inventory.locks import POSITIONS
from inventory.models import FulfillmentSource, InventoryMovement, InventoryPosition, Product, Reservation
from inventory.services.granting import Taking
from inventory.services.positions import integers
from inventory.types import ReservationLine, ReservationOutcome, ReservationRequest, Shortage
from iom.lib import bulk, lock_order, prepared
from iom.lib.retry import AGAIN, Repeat, sqlstate

POSITION = InventoryPosition._meta.db_table
RESERVATION = Reservation._meta.db_table
MOVEMENT = InventoryMovement._meta.db_table

TAKE = f"""
WITH taken AS (
    UPDATE {POSITION} AS p SET reserved = reserved + %(quantity)s::bigint, updated_at = %(now)s::timestamptz
    WHERE product_id = %(product_id)s::bigint AND source_id = %(source_id)s::bigint
        AND on_hand - reserved - safety_stock >= %(quantity)s::bigint
        AND NOT EXISTS (SELECT 1 FROM {RESERVATION} WHERE key = %(key)s::text)
    RETURNING id
), held AS (
    INSERT INTO {RESERVATION} (key, reference, position_id, quantity, kind, state, expires_at, created_at)
    SELECT %(key)s::text, %(reference)s::text, id, %(quantity)s::bigint, %(kind)s::text, 'active',
        %(expires_at)s::timestamptz, %(now)s::timestamptz FROM taken
)
INSERT INTO {MOVEMENT}
    (position_id, kind, on_hand_delta, reserved_delta, safety_stock_delta, reference, reason, actor, at)
SELECT id, 'reserve', 0, %(quantity)s::bigint, 0, %(reference)s::text, '', %(actor)s::text, %(now)s::timestamptz
FROM taken
"""  # noqa: S608 - names come from the models only
LACK = f"""
SELECT product.sku, source.code, greatest(p.on_hand - p.reserved - p.safety_stock, 0)
FROM {POSITION} p JOIN {Product._meta.db_table} product ON product.id = p.product_id
    JOIN {FulfillmentSource._meta.db_table} source ON source.id = p.source_id
WHERE p.product_id = %(product_id)s::bigint AND p.source_id = %(source_id)s::bigint
    AND NOT EXISTS (SELECT 1 FROM {RESERVATION} WHERE key = %(key)s::text)
"""  # noqa: S608 - names come from the models only


def attempt(requests: Sequence[ReservationRequest], *, actor: str) -> ReservationOutcome | None:
    """What was granted, or who is short; None, with nothing changed, if the batch has to decide."""
    if not bulk.is_postgresql() or len(requests) != 1 or len(requests[0].lines) != 1:
        return None
    (request,), (line,) = requests, requests[0].lines
    try:
        if _take(line, request, actor):
            return ReservationOutcome({line.key: line.quantity})
    except IntegrityError:  # the same key at the same moment; the batch answers what it holds
        return None
    except OperationalError as error:
        if sqlstate(error) not in AGAIN or connection.in_atomic_block:
            raise
        return None
    return None if request.partial else _refusal(line)


def _take(line: ReservationLine, request: ReservationRequest, actor: str) -> bool:
    if connection.in_atomic_block:
        lock_order.lock(POSITIONS, [(line.product_id, line.source_id)])
        with (
            transaction.atomic()
        ):  # a savepoint, so that a key used twice does not spoil the caller's transaction
            return _execute(line, request, actor)
    # One statement is a transaction of its own: the row is locked once, briefly.
    return _execute(line, request, actor)


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
    with prepared.cursor() as cursor:
        cursor.execute(TAKE, parameters)
        return cursor.rowcount == 1


def _refusal(line: ReservationLine) -> ReservationOutcome | None:
    """The line is short; None if its key is known, its position is not, or there is enough by now."""
    with prepared.cursor() as cursor:
        cursor.execute(LACK, {"key": line.key, "product_id": line.product_id, "source_id": line.source_id})
        row = cursor.fetchone()
    if row is None or row[2] >= line.quantity:
        return None
    sku, code, available = row
    short = Shortage(line.key, line.product_id, line.source_id, sku, code, line.quantity, available)
    return ReservationOutcome({}, [short])


# `hows` are the few different (kind, expiry) of a batch; a line carries the place of its own, from 1.
HOLD = f"""
WITH v AS (
    SELECT * FROM unnest(%(positions)s::bigint[], %(quantities)s::bigint[], %(hows)s::int[],
                         %(keys)s::text[], %(references)s::text[])
        AS v(position_id, quantity, how, key, reference)
), taken AS (
    UPDATE {POSITION} AS p SET reserved = p.reserved + t.quantity, updated_at = %(now)s
    FROM (SELECT position_id, sum(quantity)::bigint AS quantity FROM v GROUP BY position_id) AS t
    WHERE p.id = t.position_id AND p.on_hand - p.reserved - p.safety_stock >= t.quantity
    RETURNING p.id
), held AS (
    INSERT INTO {RESERVATION} (key, reference, position_id, quantity, kind, state, expires_at, created_at)
    SELECT key, reference, position_id, quantity, (%(kinds)s::text[])[how], 'active',
        (%(expiries)s::timestamptz[])[how], %(now)s FROM v
    ON CONFLICT DO NOTHING RETURNING id
), moved AS (
    INSERT INTO {MOVEMENT}
        (position_id, kind, on_hand_delta, reserved_delta, safety_stock_delta, reference, reason, actor, at)
    SELECT position_id, 'reserve', 0, quantity, 0, reference, '', %(actor)s, %(now)s FROM v
)
SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM held)
"""  # noqa: S608 - names come from the models only


def hold(takings: Sequence[Taking], *, actor: str) -> None:
    """Hold what was granted; raises Repeat if a position or a key was taken meanwhile (the caller rolls back)."""
    ids = [taking.position.id for taking in takings]
    ways = [(taking.request.kind, taking.request.expires_at) for taking in takings]
    places = {way: place for place, way in enumerate(dict.fromkeys(ways), start=1)}
    parameters = {
        "positions": integers(ids),
        "quantities": integers([taking.quantity for taking in takings]),
        "hows": integers([places[way] for way in ways]),
        "keys": [taking.line.key for taking in takings],
        "references": [taking.line.reference for taking in takings],
        "kinds": [kind for kind, _ in places],
        "expiries": [expires_at for _, expires_at in places],
        "actor": actor,
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(HOLD, parameters)
        if cursor.fetchone() != (len(set(ids)), len(takings)):
            raise Repeat("A position or a reservation key was taken meanwhile.")
