"""The map of an order: sources and destination from shapes of our own, and the table that says the same."""

from itertools import combinations

import pytest
from django.utils import timezone

from fulfillment.models import SourcingDecision
from insights.figures.map import HEIGHT, LETTER, WIDTH, Place, draw
from insights.figures.outlines import BORDERS, LAKES, LAND
from inventory.models import FulfillmentSource

CHICAGO = Place("Chicago", 41.88, -87.63, "home")
RENO, OHIO = Place("Reno", 39.53, -119.81, "chosen"), Place("Columbus", 39.96, -83.0, "removed")
SHIFT = {"start": 0, "middle": 0.5, "end": 1}  # how much of a text lies left of where it is anchored


def _inside(shape, longitude, latitude) -> bool:
    """Ray casting."""
    found = False
    for (x1, y1), (x2, y2) in zip(shape, shape[1:] + shape[:1], strict=True):
        if (y1 > latitude) != (y2 > latitude) and longitude < (x2 - x1) * (latitude - y1) / (y2 - y1) + x1:
            found = not found
    return found


@pytest.mark.parametrize(
    "longitude, latitude",
    [(-87.8, 41.8), (-119.8, 39.5), (-97, 32.8), (-84.4, 33.7), (-99.1, 19.4), (-46.6, -23.5), (2.3, 48.9), (13.4, 52.5),
     (77.2, 28.6), (139.7, 35.9), (147, -33), (28, -26), (-106, 52), (37.6, 55.8)],
)  # fmt: skip
def test_cities_stand_on_land(longitude, latitude):
    assert any(_inside(shape, longitude, latitude) for shape in LAND)


@pytest.mark.parametrize("longitude, latitude", [(-40, 30), (-150, 20), (-90, 25), (80, -20), (-140, 45)])
def test_the_sea_is_no_land(longitude, latitude):
    assert not any(_inside(shape, longitude, latitude) for shape in LAND)


def test_every_outline_is_on_the_globe():
    for shape in (*LAND, *LAKES, *BORDERS):
        assert len(shape) > 2
        assert all(-180 <= lon <= 180 and -90 <= lat <= 90 for lon, lat in shape)


def test_places_fall_into_the_box_west_to_the_left_and_north_up():
    drawn = draw(CHICAGO, [RENO, OHIO])
    reno, ohio = drawn.dots
    assert all(0 < dot.x < WIDTH and 0 < dot.y < HEIGHT for dot in (reno, ohio, drawn.home))
    assert reno.x < drawn.home.x < ohio.x
    assert drawn.home.y < reno.y
    assert [(a.place.label, b.place.label) for a, b in drawn.lines] == [("Reno", "Chicago")]
    assert (drawn.home.label, reno.label, ohio.label) == ("Chicago", "Reno", "")


def test_labels_lie_in_the_map_and_never_on_each_other():
    """Denver with a long name far in the east, which fits at no side but above, and thirty neighbors."""
    denver, newark = Place("Denver", 39.74, -104.99, "home"), "Distribution center Newark"
    drawn = draw(denver, [Place(newark, 40.7, -74.2, "chosen"), Place("Reno", 39.5, -119.8, "removed")])
    assert (drawn.dots[0].label, drawn.dots[0].label_y < drawn.dots[0].y) == (newark, True)

    crowd = [Place(f"Hall number {n}", 35 + n % 6, -100 + n // 6 * 3, "open") for n in range(30)]
    named = [dot for dot in draw(denver, crowd).dots if dot.label]
    lefts = [dot.label_x - SHIFT[dot.anchor] * LETTER * len(dot.label) for dot in named]
    assert 5 < len(named) <= 30
    for (a, one), (b, other) in combinations(zip(lefts, named, strict=True), 2):
        apart = a + LETTER * len(one.label) <= b or b + LETTER * len(other.label) <= a
        assert apart or abs(one.label_y - other.label_y) >= 15


def test_one_place_alone_and_no_place_at_all():
    assert draw(CHICAGO, []).home.x == WIDTH / 2
    assert draw(None, []) is None


def _decided(order, *candidates):
    for line in order.lines.all():
        SourcingDecision.objects.create(
            order=order, order_line=line, strategy="default", outcome="sourced", candidates=list(candidates),
            at=timezone.now(),
        )  # fmt: skip


@pytest.fixture
def routed(make_order, make_fulfillment_order, definitions):
    """Reno brings it, Chicago could have, Columbus had none; to Denver."""
    places = {"RNO": (39.53, -119.81), "CHI": (41.88, -87.63), "CMH": (39.96, -83.0)}
    sources = {
        code: FulfillmentSource.objects.create(code=code, name=f"{code} hall", latitude=lat, longitude=lon)
        for code, (lat, lon) in places.items()
    }
    order = make_order(ship_to_latitude=39.74, ship_to_longitude=-104.99, ship_to_city="Denver")
    make_fulfillment_order(order, source=sources["RNO"])
    _decided(
        order,
        {"code": "RNO", "removed_by": ""},
        {"code": "CHI", "removed_by": ""},
        {"code": "CMH", "removed_by": "out of stock: 0 of 2"},
    )
    return order


def test_the_order_page_shows_where_from_and_where_to(client, boss, routed):
    page = client.get(f"/orders/{routed.pk}/").content.decode()
    table = page[page.index('id="order-map"') : page.index('id="order-why"')]
    assert table.index("RNO hall</span>") < table.index("CHI hall<br>") < table.index("CMH hall<br>")
    assert "brings 2 units" in table and "could have brought it" in table and "out of stock: 0 of 2" in table
    assert "1,268 km" in table
    assert table.count('class="iom-map-line"') == 1
    assert "Denver" in table and "http" not in table.replace("http://www.w3.org", "")


def test_an_order_that_nobody_has_sourced_has_no_map(client, boss, make_order, definitions):
    order = make_order()
    assert "Where from, where to" not in client.get(f"/orders/{order.pk}/").content.decode()


def test_without_coordinates_there_is_the_table_alone(
    client, boss, make_order, make_fulfillment_order, definitions
):
    order = make_order()
    make_fulfillment_order(order)
    page = client.get(f"/orders/{order.pk}/").content.decode()
    assert "so there is no map" in page and "brings 2 units" in page


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dark", [False, True])
def test_map_and_table_fit_a_phone(dark, browser_page, live_server, routed, tmp_path):
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.emulate_media(color_scheme="dark" if dark else "light")
    browser_page.goto(f"{live_server.url}/orders/{routed.pk}/")
    box = browser_page.locator(".iom-map").bounding_box()
    assert 250 < box["width"] <= 390 and box["x"] >= 0
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 390
