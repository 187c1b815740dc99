"""Where a destination is, offline: by its city if it is a large one of the US or Canada, else by the middle of its region.

Good to some kilometers for a listed city and to a few hundred for a region, which is enough to tell near sources from
far ones. A channel that sends coordinates is always believed instead. Figures: degrees, WGS 84, rounded.
"""

from functools import cache

REGIONS = {
    "US": """AL 32.8 -86.8 AK 64.1 -152.3 AZ 34.3 -111.7 AR 34.9 -92.4 CA 37.2 -119.5 CO 39.0 -105.5 CT 41.6 -72.7 DE 39.0 -75.5
        DC 38.9 -77.0 FL 28.6 -82.4 GA 32.6 -83.4 HI 20.3 -156.4 ID 44.4 -114.6 IL 40.0 -89.2 IN 39.9 -86.3 IA 42.1 -93.5
        KS 38.5 -98.4 KY 37.5 -85.3 LA 31.1 -92.0 ME 45.4 -69.2 MD 39.1 -76.8 MA 42.3 -71.8 MI 44.3 -85.4 MN 46.3 -94.3
        MS 32.7 -89.7 MO 38.4 -92.5 MT 47.1 -109.6 NE 41.5 -99.8 NV 39.3 -116.6 NH 43.7 -71.6 NJ 40.2 -74.7 NM 34.4 -106.1
        NY 42.9 -75.5 NC 35.6 -79.4 ND 47.5 -100.5 OH 40.3 -82.8 OK 35.6 -97.5 OR 43.9 -120.6 PA 40.9 -77.8 PR 18.2 -66.5
        RI 41.7 -71.6 SC 33.9 -80.9 SD 44.4 -100.2 TN 35.9 -86.4 TX 31.5 -99.3 UT 39.3 -111.7 VT 44.1 -72.7 VA 37.5 -78.8
        WA 47.4 -120.4 WV 38.6 -80.6 WI 44.6 -89.9 WY 43.0 -107.6""",
    "CA": """AB 55.0 -115.0 BC 54.0 -125.0 MB 54.9 -97.0 NB 46.5 -66.2 NL 53.1 -57.7 NS 45.0 -63.0 NT 64.8 -124.8 NU 70.3 -86.8
        ON 50.0 -85.0 PE 46.4 -63.2 QC 52.5 -71.8 SK 54.5 -106.0 YT 63.6 -135.5""",
}
CITIES = {
    "US": """AK Anchorage 61.22 -149.90|AL Birmingham 33.52 -86.81|AL Mobile 30.69 -88.04|AR Little Rock 34.75 -92.29|
        AZ Mesa 33.42 -111.83|AZ Phoenix 33.45 -112.07|AZ Tucson 32.22 -110.97|CA Anaheim 33.84 -117.91|CA Bakersfield 35.37 -119.02|
        CA Fresno 36.74 -119.79|CA Long Beach 33.77 -118.19|CA Los Angeles 34.05 -118.24|CA Oakland 37.80 -122.27|
        CA Riverside 33.95 -117.40|CA Sacramento 38.58 -121.49|CA San Diego 32.72 -117.16|CA San Francisco 37.77 -122.42|
        CA San Jose 37.34 -121.89|CO Aurora 39.73 -104.83|CO Colorado Springs 38.83 -104.82|CO Denver 39.74 -104.99|
        CT Hartford 41.77 -72.67|DC Washington 38.91 -77.04|FL Jacksonville 30.33 -81.66|FL Miami 25.76 -80.19|FL Orlando 28.54 -81.38|
        FL St. Petersburg 27.77 -82.64|FL Tallahassee 30.44 -84.28|FL Tampa 27.95 -82.46|GA Atlanta 33.75 -84.39|GA Savannah 32.08 -81.09|
        HI Honolulu 21.31 -157.86|IA Des Moines 41.59 -93.62|ID Boise 43.62 -116.21|IL Chicago 41.88 -87.63|IN Fort Wayne 41.08 -85.14|
        IN Indianapolis 39.77 -86.16|KS Wichita 37.69 -97.34|KY Lexington 38.04 -84.50|KY Louisville 38.25 -85.76|
        LA Baton Rouge 30.45 -91.15|LA New Orleans 29.95 -90.07|MA Boston 42.36 -71.06|MA Worcester 42.26 -71.80|MD Baltimore 39.29 -76.61|
        ME Portland 43.66 -70.26|MI Detroit 42.33 -83.05|MI Grand Rapids 42.96 -85.67|MN Minneapolis 44.98 -93.27|MN St. Paul 44.95 -93.09|
        MO Kansas City 39.10 -94.58|MO St. Louis 38.63 -90.20|MS Jackson 32.30 -90.18|MT Billings 45.78 -108.50|NC Charlotte 35.23 -80.84|
        NC Durham 35.99 -78.90|NC Greensboro 36.07 -79.79|NC Raleigh 35.78 -78.64|ND Fargo 46.88 -96.79|NE Lincoln 40.81 -96.68|
        NE Omaha 41.26 -95.94|NH Manchester 42.99 -71.46|NJ Jersey City 40.73 -74.08|NJ Newark 40.74 -74.17|NM Albuquerque 35.08 -106.65|
        NV Las Vegas 36.17 -115.14|NV Reno 39.53 -119.81|NY Albany 42.65 -73.76|NY Brooklyn 40.68 -73.94|NY Buffalo 42.89 -78.88|
        NY New York 40.71 -74.01|NY Rochester 43.16 -77.61|OH Cincinnati 39.10 -84.51|OH Cleveland 41.50 -81.69|OH Columbus 39.96 -83.00|
        OH Toledo 41.65 -83.54|OK Oklahoma City 35.47 -97.52|OK Tulsa 36.15 -95.99|OR Eugene 44.05 -123.09|OR Portland 45.52 -122.68|
        PA Harrisburg 40.27 -76.88|PA Philadelphia 39.95 -75.17|PA Pittsburgh 40.44 -80.00|RI Providence 41.82 -71.41|
        SC Charleston 32.78 -79.93|SC Columbia 34.00 -81.03|SD Sioux Falls 43.55 -96.73|TN Chattanooga 35.05 -85.31|TN Knoxville 35.96 -83.92|
        TN Memphis 35.15 -90.05|TN Nashville 36.16 -86.78|TX Arlington 32.74 -97.11|TX Austin 30.27 -97.74|TX Corpus Christi 27.80 -97.40|
        TX Dallas 32.78 -96.80|TX El Paso 31.76 -106.49|TX Fort Worth 32.76 -97.33|TX Houston 29.76 -95.37|TX Lubbock 33.58 -101.86|
        TX San Antonio 29.42 -98.49|UT Salt Lake City 40.76 -111.89|VA Norfolk 36.85 -76.29|VA Richmond 37.54 -77.44|
        VA Virginia Beach 36.85 -75.98|VT Burlington 44.48 -73.21|WA Seattle 47.61 -122.33|WA Spokane 47.66 -117.43|WA Tacoma 47.25 -122.44|
        WI Madison 43.07 -89.40|WI Milwaukee 43.04 -87.91|WV Charleston 38.35 -81.63|WY Cheyenne 41.14 -104.82""",
    "CA": """AB Calgary 51.05 -114.07|AB Edmonton 53.55 -113.49|BC Vancouver 49.28 -123.12|BC Victoria 48.43 -123.37|MB Winnipeg 49.90 -97.14|
        NS Halifax 44.65 -63.58|ON Hamilton 43.26 -79.87|ON Ottawa 45.42 -75.70|ON Toronto 43.65 -79.38|QC Montreal 45.50 -73.57|
        QC Quebec 46.81 -71.21|SK Regina 50.45 -104.62|SK Saskatoon 52.13 -106.67""",
}


def locate(country: str, region: str, city: str) -> tuple[float, float] | None:
    """(latitude, longitude) of a city, else of the middle of its region; None for places that are not listed."""
    country, region = country.upper(), region.strip().upper()
    return _cities().get((country, region, _plain(city))) or _regions().get((country, region))


@cache
def _cities() -> dict[tuple[str, str, str], tuple[float, float]]:
    found = {}
    for country, text in CITIES.items():
        for row in text.split("|"):
            region, *name, latitude, longitude = row.split()
            found[(country, region, _plain(" ".join(name)))] = (float(latitude), float(longitude))
    return found


@cache
def _regions() -> dict[tuple[str, str], tuple[float, float]]:
    found = {}
    for country, text in REGIONS.items():
        words = text.split()
        for region, latitude, longitude in zip(words[::3], words[1::3], words[2::3], strict=True):
            found[(country, region)] = (float(latitude), float(longitude))
    return found


def _plain(city: str) -> str:
    return city.strip().casefold().replace("saint ", "st. ").replace("st ", "st. ")
