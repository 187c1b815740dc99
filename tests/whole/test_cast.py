"""The cast itself: what other tests stand on must be what it says."""


def test_stock_is_what_was_asked_for(make_product, make_source, make_stock):
    position = make_stock(make_product("MUG"), make_source("DC-RNO"), 7)
    assert (position.on_hand, position.reserved, position.source.region) == (7, 0, "NV")


def test_an_order_has_its_lines_and_amount(make_product, make_order):
    make_product("MUG")
    order = make_order(("MUG", 2, "12.50"), ("MUG", 1))
    assert (order.total_minor, order.line_count, order.ship_to_region) == (3500, 2, "IL")
