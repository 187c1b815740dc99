import pytest

from orders.geography import CITIES, REGIONS, locate


@pytest.mark.parametrize(
    "place, expected",
    [
        (("US", "IL", "Chicago"), (41.88, -87.63)),
        (("us", "il", " chicago "), (41.88, -87.63)),
        (("US", "MO", "Saint Louis"), (38.63, -90.20)),
        (("US", "TX", "Nowhere"), (31.5, -99.3)),
        (("CA", "ON", "Toronto"), (43.65, -79.38)),
        (("DE", "BE", "Berlin"), None),
        (("", "", ""), None),
    ],
)
def test_a_destination_is_where_its_city_or_region_is(place, expected):
    assert locate(*place) == expected


def test_every_listed_city_lies_near_its_region():
    for country, text in CITIES.items():
        for row in text.split("|"):
            region, *name, _, _ = row.split()
            (latitude, longitude), (middle, across) = (
                locate(country, region, " ".join(name)),
                locate(country, region, ""),
            )
            assert abs(latitude - middle) < 12, row
            assert abs(longitude - across) < 12, row
    assert len(REGIONS["US"].split()) == 52 * 3
