"""Tags of orders, by name. A name is made when it is first used."""

from collections.abc import Collection, Mapping

from iom.lib import bulk
from orders.models import OrderTag, Tag

MOST_TAGS = 50
TAG_LENGTH = 40


def attach(names: Mapping[int, Collection[str]]) -> None:
    """Add tags by order id; what is there already stays."""
    if not names:
        return
    ids = tag_ids({name for wanted in names.values() for name in wanted})
    rows = [(order_id, ids[name]) for order_id, wanted in names.items() for name in dict.fromkeys(wanted)]
    bulk.insert(OrderTag, ("order", "tag"), rows, skip_conflicts=True)


def tag_ids(names: Collection[str]) -> dict[str, int]:
    """Sorted, so that two callers who make the same tags do not wait for each other in a circle."""
    bulk.insert(Tag, ("name", "color"), [(name, "") for name in sorted(names)], skip_conflicts=True)
    return dict(Tag.objects.filter(name__in=names).values_list("name", "pk"))
