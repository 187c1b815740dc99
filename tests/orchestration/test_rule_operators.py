"""Every operator on both databases, and random trees, against plain Python that shares no code with the compiler."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import Product
from orchestration.errors import BadRule
from orchestration.models import ValueList
from orchestration.policies.compile import compile_tree
from orchestration.policies.lists import resolve
from orders.models import Channel, Customer, Order, OrderLine, OrderTag, Tag

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


@pytest.fixture
def rows():
    """Lines with and without product, launch date and customer; times around a day and around now."""
    ValueList.objects.create(key="served", name="Countries that we serve", values=["US", "CA"])
    ValueList.objects.create(key="sizes", name="Box sizes", values=[2, 4])
    channel = Channel.objects.create(key="shop", name="Shop")
    vip = Customer.objects.create(code="C1", name="Vip", group="VIP")
    toys = Product.objects.create(
        sku="T-1", name="Toy", category="Toys", price=Decimal("9.5"), weight_grams=4
    )
    plain = Product.objects.create(
        sku="P-1", name="Plain", category="", price=Decimal("20"), launch_date=date(2026, 11, 20)
    )
    now, lines = timezone.now(), []
    for n in range(8):
        order = Order.objects.create(
            channel=channel, external_id=f"Web-{n}_%", currency="USD", state_at=now, received_at=now,
            placed_at=DAY + timedelta(hours=12 * (n - 4)), customer=vip if n % 2 else None,
            requested_delivery_at=None if n % 3 == 0 else now + timedelta(days=n - 4, hours=1),
            promised_at=None if n == 5 else now + timedelta(days=1), ship_to_country=("US", "CA", "MX", "")[n % 4],
            total_minor=100 * n, goods_minor=100 * (7 - n), is_manual=n > 4,
        )  # fmt: skip
        product = (toys, plain, None)[n % 3]
        lines.append(
            OrderLine.objects.create(
                order=order, line_number=1, sku=f"S{n}", quantity=n + 1, unit_price=Decimal("9.5") + n, state_at=now,
                product=product, description="Red BALL" if n < 4 else "", launch_date=date(2026, 11, 18 + n) if n > 2 else None,
            )
        )  # fmt: skip
        if n in (1, 2):
            OrderTag.objects.create(order=order, tag=Tag.objects.get_or_create(name="gift")[0])
    return lines


def picked(entity, tree):
    model = {"order": Order, "order_line": OrderLine}[entity]
    return set(model.objects.filter(compile_tree(entity, resolve(tree))).values_list("pk", flat=True))


def agree(rows, entity, tree, oracle):
    records = [line.order for line in rows] if entity == "order" else rows
    assert picked(entity, tree) == {record.pk for record in records if oracle(record)}
    assert picked(entity, {"not": tree}) == {record.pk for record in records if not oracle(record)}


def requested(order, low, high):
    at, now = order.requested_delivery_at, timezone.now()
    return at is not None and now + low <= at <= now + high


FOREVER = timedelta(days=999)
ORDERS = [
    (("total_minor", "between", [200, 400]), lambda o: 200 <= o.total_minor <= 400),
    (("total_minor", "not_in", [100, 300]), lambda o: o.total_minor not in (100, 300)),
    (("external_id", "contains", "EB-3"), lambda o: "eb-3" in o.external_id.lower()),
    (("external_id", "contains", "_%"), lambda o: True),
    (("external_id", "starts_with", "web-3"), lambda o: o.external_id.startswith("Web-3")),
    (("external_id", "ends_with", "5_%"), lambda o: o.external_id.endswith("5_%")),
    (("external_id", "ends_with", "5%%"), lambda o: False),
    (("customer.group", "contains", "v"), lambda o: o.customer is not None),
    (("customer.group", "not_in", ["VIP"]), lambda o: o.customer is None),
    (("customer.group", "in", ["VIP", "X"]), lambda o: o.customer is not None),
    (("ship_to_country", "has_no_data", None), lambda o: o.ship_to_country == ""),
    (("placed_at", "equals", "2026-11-20"), lambda o: o.placed_at.date() == date(2026, 11, 20)),
    (("placed_at", "does_not_equal", "2026-11-20"), lambda o: o.placed_at.date() != date(2026, 11, 20)),
    (("placed_at", "greater", "2026-11-20"), lambda o: o.placed_at.date() > date(2026, 11, 20)),
    (("placed_at", "at_most", "2026-11-20"), lambda o: o.placed_at.date() <= date(2026, 11, 20)),
    (("placed_at", "at_least", "2026-11-20T15:30:00Z"), lambda o: o.placed_at >= DAY),
    (("placed_at", "less", "2026-11-20T10:30:00-05:00"), lambda o: o.placed_at < DAY),
    (("placed_at", "between", ["2026-11-19", "2026-11-20"]), lambda o: date(2026, 11, 19) <= o.placed_at.date() <= date(2026, 11, 20)),
    (("requested_delivery_at", "older_than", {"amount": 2, "unit": "days"}), lambda o: requested(o, -FOREVER, timedelta(days=-2))),
    (("requested_delivery_at", "older_than", {"amount": 30, "unit": "hours"}), lambda o: requested(o, -FOREVER, timedelta(hours=-30))),
    (("requested_delivery_at", "within_next", {"amount": 2, "unit": "days"}), lambda o: requested(o, timedelta(), timedelta(days=2))),
    (("requested_delivery_at", "within_last", {"amount": 90, "unit": "minutes"}), lambda o: requested(o, timedelta(minutes=-90), timedelta())),
]  # fmt: skip
ORDER_TREES = [
    ({"field": "ship_to_country", "op": "in_list", "list": "served"}, lambda o: o.ship_to_country in ("US", "CA")),
    ({"field": "ship_to_country", "op": "not_in_list", "list": "served"}, lambda o: o.ship_to_country not in ("US", "CA")),
    ({"field": "total_minor", "op": "greater", "other": "goods_minor"}, lambda o: o.total_minor > o.goods_minor),
    ({"field": "promised_at", "op": "less", "other": "requested_delivery_at"},
     lambda o: bool(o.promised_at and o.requested_delivery_at and o.promised_at < o.requested_delivery_at)),
    ({"field": "promised_at", "op": "does_not_equal", "other": "requested_delivery_at"}, lambda o: True),
    ({"related": "tags", "where": {"field": "tag.name", "op": "equals", "value": "gift"}}, lambda o: o.order_tags.exists()),
    ({"related": "holds", "aggregate": "count", "op": "equals", "value": 0}, lambda o: True),
    ({"related": "lines", "match": "none", "where": {"field": "product.category", "op": "equals", "value": "Toys"}},
     lambda o: not any(x.product and x.product.category == "Toys" for x in o.lines.all())),
    ({"related": "lines", "match": "all", "where": {"field": "product.category", "op": "equals", "value": "Toys"}},
     lambda o: all(x.product and x.product.category == "Toys" for x in o.lines.all())),
    ({"related": "fulfillment_orders", "aggregate": "count", "op": "less", "value": 1}, lambda o: True),
    ({"any": [{}, {"field": "is_manual", "op": "equals", "value": True}]}, lambda o: True),
    ({"not": {}}, lambda o: False),
    ({"related": "lines", "where": {"not": {}}}, lambda o: False),
    ({"related": "lines", "match": "all", "where": {"not": {}}}, lambda o: not o.lines.exists()),
]  # fmt: skip
LINES = [
    ({"field": "quantity", "op": "in_list", "list": "sizes"}, lambda x: x.quantity in (2, 4)),
    ({"field": "unit_price", "op": "between", "value": ["10.5", "12.5"]}, lambda x: Decimal("10.5") <= x.unit_price <= Decimal("12.5")),
    ({"field": "unit_price", "op": "equals", "other": "product.price"}, lambda x: bool(x.product and x.unit_price == x.product.price)),
    ({"field": "unit_price", "op": "does_not_equal", "other": "product.price"}, lambda x: not x.product or x.unit_price != x.product.price),
    ({"field": "quantity", "op": "greater", "other": "product.weight_grams"}, lambda x: bool(x.product and x.quantity > x.product.weight_grams)),
    ({"field": "product.category", "op": "has_data"}, lambda x: bool(x.product and x.product.category)),
    ({"field": "product.active", "op": "does_not_equal", "value": True}, lambda x: not x.product),
    ({"field": "product.active", "op": "has_no_data"}, lambda x: not x.product),
    ({"field": "description", "op": "contains", "value": "ball"}, lambda x: "ball" in x.description.lower()),
    ({"field": "launch_date", "op": "at_most", "value": "2026-11-22"}, lambda x: bool(x.launch_date and x.launch_date <= date(2026, 11, 22))),
    ({"field": "launch_date", "op": "greater", "other": "product.launch_date"},
     lambda x: bool(x.launch_date and x.product and x.product.launch_date and x.launch_date > x.product.launch_date)),
    ({"field": "launch_date", "op": "within_last", "value": {"amount": 3650, "unit": "days"}},
     lambda x: bool(x.launch_date and x.launch_date <= timezone.now().date())),
    ({"field": "order.customer.group", "op": "equals", "value": "VIP"}, lambda x: x.order.customer is not None),
]  # fmt: skip


@pytest.mark.parametrize("row, oracle", ORDERS, ids=[" ".join(map(str, row)) for row, _ in ORDERS])
def test_an_operator_on_orders(rows, row, oracle):
    field, operator, value = row
    agree(rows, "order", {"field": field, "op": operator, "value": value}, oracle)


@pytest.mark.parametrize("tree, oracle", ORDER_TREES, ids=[str(tree)[:70] for tree, _ in ORDER_TREES])
def test_fields_lists_and_related_records_of_orders(rows, tree, oracle):
    agree(rows, "order", tree, oracle)


@pytest.mark.parametrize("tree, oracle", LINES, ids=[str(tree)[:70] for tree, _ in LINES])
def test_an_operator_on_lines(rows, tree, oracle):
    agree(rows, "order_line", tree, oracle)


@pytest.mark.parametrize(
    "tree, path",
    [
        ({"field": "total_minor", "op": "equals", "value": "4.5"}, "condition.value"),
        ({"field": "total_minor", "op": "between", "value": [5]}, "condition.value"),
        ({"field": "total_minor", "op": "between", "value": [5, 4]}, "condition.value"),
        ({"field": "total_minor", "op": "greater", "other": "currency"}, "condition.other"),
        ({"field": "currency", "op": "contains", "other": "company"}, "condition.op"),
        ({"field": "total_minor", "op": "greater", "other": "nothing"}, "condition.other"),
        ({"field": "total_minor", "op": ["in"], "value": 1}, "condition.op"),
        ({"field": "placed_at", "op": "older_than", "value": {"amount": 0, "unit": "days"}}, "condition.value.amount"),
        ({"field": "placed_at", "op": "older_than", "value": {"amount": 1, "unit": "years"}}, "condition.value.unit"),
        ({"field": "placed_at", "op": "older_than", "value": "2 days"}, "condition.value"),
        ({"field": "ship_to_country", "op": "in_list", "list": "nowhere"}, "condition.list"),
        ({"field": "total_minor", "op": "in_list", "list": "served"}, "condition.values[0]"),
        ({"related": ["lines"], "where": {}}, "condition.related"),
        ({"related": "lines", "match": "some", "where": {}}, "condition.match"),
        ({"related": "lines", "aggregate": "sum", "field": "unit_price", "op": "equals", "value": 1}, "condition.field"),
        ({"related": "lines", "aggregate": "count", "op": "equals", "value": 1.5}, "condition.value"),
        ({"related": "lines", "aggregate": "count", "op": "in", "value": [1]}, "condition.op"),
        ({"related": "lines", "where": {"field": "unit_price", "op": "equals", "value": "1.1234567"}}, "condition.where.value"),
        ({"related": "lines", "where": {"field": "launch_date", "op": "older_than", "value": {"amount": 5, "unit": "hours"}}}, "condition.where.value.unit"),
        ({"all": [{"not": {"field": "total_minor", "op": "not_in", "value": [1, "x"]}}]}, "condition.all[0].not.value[1]"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_path(rows, tree, path):
    with pytest.raises(BadRule) as fault:
        compile_tree("order", resolve(tree))

    assert fault.value.path == path


def test_a_compiled_relative_date_follows_the_clock(rows, monkeypatch):
    condition = compile_tree(
        "order", {"field": "promised_at", "op": "within_next", "value": {"amount": 2, "unit": "days"}}
    )
    before = Order.objects.filter(condition).count()
    later = timezone.now() + timedelta(days=5)
    monkeypatch.setattr(timezone, "now", lambda: later)

    assert (before, Order.objects.filter(condition).count()) == (7, 0)


# -- random trees ------------------------------------------------------------------------------------------------------

NUMBERS = ("total_minor", "goods_minor", "line_count")
TEXTS = ("ship_to_country", "customer.group", "external_id")
comparisons = st.one_of(
    st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(NUMBERS),
              st.sampled_from(["equals", "does_not_equal", "greater", "at_least", "less", "at_most"]), st.integers(-1, 8).map(lambda n: 100 * n)),
    st.builds(lambda f, op, g: {"field": f, "op": op, "other": g}, st.sampled_from(NUMBERS), st.sampled_from(["equals", "less", "does_not_equal"]), st.sampled_from(NUMBERS)),
    st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(TEXTS),
              st.sampled_from(["equals", "does_not_equal", "contains", "starts_with", "ends_with"]), st.sampled_from(["US", "CA", "VIP", "web", "3_%", ""])),
    st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(TEXTS), st.sampled_from(["in", "not_in"]),
              st.lists(st.sampled_from(["US", "MX", "VIP", ""]), min_size=1, max_size=3)),
    st.builds(lambda f, op: {"field": f, "op": op}, st.sampled_from((*TEXTS, "requested_delivery_at")), st.sampled_from(["has_data", "has_no_data"])),
    st.builds(lambda op, v: {"field": "is_manual", "op": op, "value": v}, st.sampled_from(["equals", "does_not_equal"]), st.booleans()),
    st.builds(lambda m, op, v: {"related": "lines", "match": m, "where": {"field": "quantity", "op": op, "value": v}},
              st.sampled_from(["any", "all", "none"]), st.sampled_from(["greater", "at_most", "does_not_equal"]), st.integers(0, 9)),
    st.builds(lambda op, v: {"related": "lines", "aggregate": "sum", "field": "quantity", "op": op, "value": v}, st.sampled_from(["greater", "less", "equals"]), st.integers(0, 9)),
    st.just({}),
)  # fmt: skip
trees = st.recursive(
    comparisons,
    lambda part: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(part, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(part, min_size=1, max_size=3)),
        st.builds(lambda inner: {"not": inner}, part),
    ),
    max_leaves=10,
)


def truth(order, tree):
    if not tree:
        return True
    if "all" in tree:
        return all(truth(order, part) for part in tree["all"])
    if "any" in tree:
        return any(truth(order, part) for part in tree["any"])
    if "not" in tree:
        return not truth(order, tree["not"])
    if "aggregate" in tree:
        return plain(sum(x.quantity for x in order.lines.all()), tree["op"], tree["value"])
    if "related" in tree:
        held = [plain(x.quantity, tree["where"]["op"], tree["where"]["value"]) for x in order.lines.all()]
        return {"any": any(held), "all": all(held), "none": not any(held)}[tree["match"]]
    value = order
    for part in tree["field"].split("."):
        value = getattr(value, part, None)
    return plain(value, tree["op"], getattr(order, tree["other"]) if "other" in tree else tree.get("value"))


def plain(mine, op, theirs):
    if op in ("has_data", "has_no_data"):
        return (mine not in (None, "")) == (op == "has_data")
    if op in ("does_not_equal", "not_in"):
        return not plain(mine, {"does_not_equal": "equals", "not_in": "in"}[op], theirs)
    if mine is None:
        return False
    return {
        "equals": lambda: mine == theirs,
        "greater": lambda: mine > theirs,
        "at_least": lambda: mine >= theirs,
        "less": lambda: mine < theirs,
        "at_most": lambda: mine <= theirs,
        "in": lambda: mine in theirs,
        "contains": lambda: theirs.lower() in mine.lower(),
        "starts_with": lambda: mine.lower().startswith(theirs.lower()),
        "ends_with": lambda: mine.lower().endswith(theirs.lower()),
    }[op]()


def test_random_trees_pick_what_plain_python_picks(rows):
    orders = list(Order.objects.select_related("customer").prefetch_related("lines"))

    @settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
    @given(trees)
    def agrees(tree):
        assert picked("order", tree) == {order.pk for order in orders if truth(order, tree)}

    agrees()
