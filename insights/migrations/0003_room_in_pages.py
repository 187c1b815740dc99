"""Rows that change often get room in their page, so that PostgreSQL changes them in place and no index is written.

It stands in the top app because it needs the tables of all of them.
"""

from django.db import migrations

ROOM = {
    "orders_order": 60,
    "orders_orderline": 60,
    "fulfillment_fulfillmentorder": 60,
    "fulfillment_fulfillmentline": 60,
    "inventory_inventoryposition": 60,
    "inventory_reservation": 80,
    "orchestration_flowrun": 50,
    "orchestration_steprun": 50,
}


def make_room(apps, schema_editor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table, percent in ROOM.items():
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")


def take_room(apps, schema_editor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table in ROOM:
            schema_editor.execute(f"ALTER TABLE {table} RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0001_initial"),
        ("insights", "0002_roles"),
        ("inventory", "0001_initial"),
        ("orchestration", "0001_initial"),
        ("orders", "0001_initial"),
    ]

    operations = [migrations.RunPython(make_room, take_room)]
