"""Where the demo company is: distribution centers, stores, two 3PLs, one vendor. Coordinates of the cities."""

from datetime import time

EAST, CENTRAL = "America/New_York", "America/Chicago"
MOUNTAIN, PACIFIC = "America/Denver", "America/Los_Angeles"
PHOENIX = "America/Phoenix"

# code, type, city, region, postal code, latitude, longitude, time zone
SOURCES = [
    ("DC-RNO", "warehouse", "Reno", "NV", "89501", 39.5296, -119.8138, PACIFIC),
    ("DC-CMH", "warehouse", "Columbus", "OH", "43215", 39.9612, -82.9988, EAST),
    ("DC-DFW", "warehouse", "Dallas", "TX", "75201", 32.7767, -96.7970, CENTRAL),
    ("DC-ATL", "warehouse", "Atlanta", "GA", "30303", 33.7490, -84.3880, EAST),
    ("DC-EWR", "warehouse", "Newark", "NJ", "07102", 40.7357, -74.1724, EAST),
    ("DC-MKC", "warehouse", "Kansas City", "MO", "64106", 39.0997, -94.5786, CENTRAL),
    ("ST-NYC", "store", "New York", "NY", "10001", 40.7128, -74.0060, EAST),
    ("ST-BOS", "store", "Boston", "MA", "02108", 42.3601, -71.0589, EAST),
    ("ST-PHL", "store", "Philadelphia", "PA", "19103", 39.9526, -75.1652, EAST),
    ("ST-WAS", "store", "Washington", "DC", "20001", 38.9072, -77.0369, EAST),
    ("ST-CLT", "store", "Charlotte", "NC", "28202", 35.2271, -80.8431, EAST),
    ("ST-MIA", "store", "Miami", "FL", "33130", 25.7617, -80.1918, EAST),
    ("ST-TPA", "store", "Tampa", "FL", "33602", 27.9506, -82.4572, EAST),
    ("ST-DTW", "store", "Detroit", "MI", "48226", 42.3314, -83.0458, "America/Detroit"),
    ("ST-CHI", "store", "Chicago", "IL", "60601", 41.8781, -87.6298, CENTRAL),
    ("ST-MSP", "store", "Minneapolis", "MN", "55401", 44.9778, -93.2650, CENTRAL),
    ("ST-STL", "store", "St. Louis", "MO", "63101", 38.6270, -90.1994, CENTRAL),
    ("ST-BNA", "store", "Nashville", "TN", "37203", 36.1627, -86.7816, CENTRAL),
    ("ST-MSY", "store", "New Orleans", "LA", "70112", 29.9511, -90.0715, CENTRAL),
    ("ST-HOU", "store", "Houston", "TX", "77002", 29.7604, -95.3698, CENTRAL),
    ("ST-DEN", "store", "Denver", "CO", "80202", 39.7392, -104.9903, MOUNTAIN),
    ("ST-SLC", "store", "Salt Lake City", "UT", "84101", 40.7608, -111.8910, MOUNTAIN),
    ("ST-PHX", "store", "Phoenix", "AZ", "85004", 33.4484, -112.0740, PHOENIX),
    ("ST-LAX", "store", "Los Angeles", "CA", "90012", 34.0522, -118.2437, PACIFIC),
    ("ST-SFO", "store", "San Francisco", "CA", "94103", 37.7749, -122.4194, PACIFIC),
    ("ST-SEA", "store", "Seattle", "WA", "98101", 47.6062, -122.3321, PACIFIC),
    ("3PL-MEM", "3pl", "Memphis", "TN", "38103", 35.1495, -90.0490, CENTRAL),
    ("3PL-ONT", "3pl", "Ontario", "CA", "91761", 34.0633, -117.6509, PACIFIC),
    ("VN-GRR", "vendor", "Grand Rapids", "MI", "49503", 42.9634, -85.6681, "America/Detroit"),
]
KINDS = {
    "warehouse": "Distribution center",
    "store": "Store",
    "3pl": "Logistics partner",
    "vendor": "Drop-ship vendor",
}
# type: (minutes to hand over, local time after which an order counts for the next day)
PACE = {
    "warehouse": (240, time(16, 0)),
    "store": (480, time(14, 0)),
    "3pl": (360, time(15, 0)),
    "vendor": (1440, time(12, 0)),
}
