"""Places: members of a sorted set with longitudes and latitudes."""

from __future__ import annotations

from random import Random

from . import Difference
from . import _chance as chance

SCRIPTS = [
    (
        "GEOADD, GEOPOS, GEODIST, GEOHASH",
        "both",
        """
        SET s v
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        GEOADD g 13.361389 38.115556 Palermo
        GEOADD g CH 13.361 38.115 Palermo
        GEOADD g NX 1 1 Palermo 2 2 new
        GEOADD g XX CH 2 3 new 5 5 none
        GEOADD g NX XX 1 1 a
        GEOADD g 1 1
        GEOADD g 200 1 a
        GEOADD g 1 86 a
        GEOADD g x 1 a
        GEOADD g NX CH CH
        GEOADD s 1 1 a
        GEOADD s 1 x a
        GEOADD g 1 1 a 2
        GEOPOS g Palermo none Catania
        GEOPOS none a
        GEOPOS g
        GEOPOS s a
        GEODIST g Palermo Catania
        GEODIST g Palermo Catania km
        GEODIST g Palermo Catania KM
        GEODIST g Palermo Catania mi
        GEODIST g Palermo Catania ft
        GEODIST g Palermo Catania x
        GEODIST g Palermo none
        GEODIST none a b
        GEODIST none a b x
        GEODIST g a b c d
        GEODIST g Palermo Palermo
        GEODIST s a b
        GEOHASH g Palermo Catania none
        GEOHASH none a
        GEOHASH g
        """,
    ),
    (
        "GEORADIUS and its kin",
        "both",
        """
        SET s v
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 2 3 new
        GEORADIUS g 15 37 200 km
        GEORADIUS g 15 37 200 km WITHDIST WITHHASH WITHCOORD
        GEORADIUS g 15 37 200 km WITHCOORD WITHDIST
        GEORADIUS g 15 37 200 km COUNT 1
        GEORADIUS g 15 37 200 km COUNT 1 ANY
        GEORADIUS g 15 37 200 km COUNT 1 DESC
        GEORADIUS g 15 37 200 km DESC
        GEORADIUS g 15 37 200 km ASC
        GEORADIUS g 15 37 200 km COUNT 0
        GEORADIUS g 15 37 200 km COUNT x
        GEORADIUS g 15 37 200 km ANY
        GEORADIUS g 15 37 x km
        GEORADIUS g 15 37 -1 km
        GEORADIUS g 15 37 1 lightyears
        GEORADIUS g 200 37 1 km
        GEORADIUS g x 37 1 km
        GEORADIUS g 15 37 200 km FOO
        GEORADIUS none 15 37 200 km
        GEORADIUS none 15 37 200 km STORE d
        GEORADIUS s 15 37 200 km
        GEORADIUS s x 37 200 km
        GEORADIUS g 15 37 200 km STORE d
        ZRANGE d 0 -1 WITHSCORES
        GEORADIUS g 15 37 200 km STOREDIST d
        GEORADIUS g 15 37 200 km STORE d WITHDIST
        GEORADIUS g 15 37 1 m STORE d
        EXISTS d
        GEORADIUS_RO g 15 37 200 km STORE d
        GEORADIUS_RO g 15 37 200 km
        GEORADIUSBYMEMBER g Palermo 200 km
        GEORADIUSBYMEMBER g Palermo 200 km WITHDIST
        GEORADIUSBYMEMBER none none 200 km
        GEORADIUSBYMEMBER none none 200 x
        GEORADIUSBYMEMBER none none 200 km FOO
        GEORADIUSBYMEMBER none none 200 km STORE d
        GEORADIUSBYMEMBER g Palermo 200 km STOREDIST d
        GEORADIUSBYMEMBER_RO g Palermo 200 km STORE d
        GEORADIUSBYMEMBER_RO g Palermo 200 km WITHHASH
        """,
    ),
    (
        "GEOSEARCH, GEOSEARCHSTORE",
        "both",
        """
        SET s v
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 2 3 new
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 300 100 km ASC WITHDIST
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km DESC
        GEOSEARCH none FROMMEMBER none BYRADIUS 200 km DESC
        GEOSEARCH g BYRADIUS 200 km DESC WITHDIST
        GEOSEARCH g FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 200 km
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km BYBOX 1 1 km
        GEOSEARCH g FROMMEMBER Palermo BYBOX x 1 km
        GEOSEARCH g FROMMEMBER Palermo BYBOX 1 x km
        GEOSEARCH g FROMMEMBER Palermo BYBOX -1 1 km
        GEOSEARCH g FROMMEMBER Palermo BYBOX 1 1 x
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km COUNT 1 ANY
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km ANY
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km STOREDIST
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km
        ZRANGE d 0 -1 WITHSCORES
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 mi STOREDIST
        ZRANGE d 0 -1 WITHSCORES
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km WITHDIST
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km STORE e
        GEOSEARCHSTORE d g FROMMEMBER Palermo
        GEOSEARCHSTORE d none FROMLONLAT 1 1 BYRADIUS 1 m
        EXISTS d
        GEOSEARCHSTORE d s FROMLONLAT 1 1 BYRADIUS 1 m
        """,
    ),
    (
        "Places at the edges, and scores that are none",
        "both",
        """
        ZADD odd -5 a inf b 1.5 c 1e300 d
        GEOPOS odd a b c d
        GEOHASH odd a b c d
        GEOADD p 180 85.05112878 ne -180 -85.05112878 sw 0 0 zero
        GEOPOS p ne sw zero
        GEOHASH p ne sw zero
        GEORADIUS p 0 0 25000 km WITHDIST
        GEORADIUS p 179 84 500 km WITHDIST
        GEOSEARCH p FROMLONLAT -179 -85 BYBOX 900 300 km ASC WITHDIST
        """,
    ),
    (
        "many places",
        "both",
        """
        GEOADD g """
        + " ".join(
            f"{number * 61.803 % 360 - 180:.4f} {number * 38.196 % 168 - 84:.4f} m{number}" for number in range(400)
        )
        + """
        GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 3000 km ASC WITHDIST WITHHASH WITHCOORD
        GEOSEARCH g FROMLONLAT 100 60 BYRADIUS 2000 km DESC WITHDIST
        GEOSEARCH g FROMLONLAT -170 -70 BYRADIUS 1500 mi ASC WITHDIST
        GEOSEARCH g FROMLONLAT 20 75 BYBOX 3000 2000 km ASC WITHDIST
        GEOSEARCH g FROMMEMBER m7 BYBOX 9000 4000 km DESC COUNT 12 WITHDIST
        GEOSEARCH g FROMMEMBER m9 BYRADIUS 5000000 m ASC COUNT 7
        GEORADIUS g 12 48 1800 km ASC WITHDIST
        GEORADIUSBYMEMBER g m11 2500 km ASC
        GEOSEARCHSTORE d g FROMLONLAT 12 48 BYRADIUS 4000 km
        ZCARD d
        ZRANGE d 0 -1 WITHSCORES
        GEOPOS g m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12
        GEOHASH g m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12
        GEODIST g m1 m2
        GEODIST g m300 m2 mi
        """,
    ),
]

DIFFERENCES = [
    Difference(
        "valkey",
        "GEO.*",
        r"-ERR member .* does not exist\r\n",
        r"-ERR could not decode requested zset member\r\n",
        "The text is that of Redis 7.",
        "`GEOSEARCH` and its kin around a member that isn't there",
    ),
    Difference(
        "valkey",
        "GEO.*",
        r"-ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for .*\r\n",
        r"-ERR exactly one of BYRADIUS and BYBOX can be specified for .*\r\n",
        "There is no BYPOLYGON.",
        "`GEOSEARCH` with `BYPOLYGON`",
    ),
]


def place(random: Random) -> list[str | bytes]:
    if random.random() < 0.05:
        return random.choice([["181", "0"], ["0", "86"], ["x", "1"], ["1", ""]])
    return [f"{random.randrange(-1800, 1801) / 10}", f"{random.randrange(-850, 851) / 10}"]


def radius(random: Random) -> list[str | bytes]:
    length = random.choice(["1", "10.5", "100", "1000", "4000", "-1", "x", "0"])
    return [length, random.choice(["m", "km", "km", "KM", "mi", "ft", "x"] if random.random() < 0.2 else ["km"])]


def options(random: Random) -> list[str | bytes]:
    return [
        *chance.option(random, "WITHDIST"),
        *chance.option(random, "WITHHASH"),
        *chance.option(random, "WITHCOORD"),
        # Without an order, or among the equally far, the order of what is found is up to the server.
        random.choice(["ASC", "DESC"]),
        *chance.option(random, "COUNT", "1000"),
    ]


def random_command(random: Random) -> list[str | bytes]:
    # Places that differ, so that no two are equally far: what others make of the scores of a set would be.
    key = "k5geo"
    member = random.choice("abcdefgh")
    center = random.choice([["FROMMEMBER", member], ["FROMLONLAT", *place(random)]])
    shape = random.choice([["BYRADIUS", *radius(random)], ["BYBOX", random.choice(["100", "3000", "x"]), *radius(random)]])
    made = random.choice(
        [
            lambda: ["GEOADD", key, *place(random), member],
            lambda: ["GEOADD", key, *place(random), member],
            lambda: ["GEOADD", key, random.choice(["NX", "XX", "CH"]), *place(random), member, *place(random), "z"],
            lambda: ["GEOADD", chance.key(random), *place(random), member],
            lambda: ["GEOPOS", key, member, "none"],
            lambda: ["GEOHASH", key, member, "none"],
            lambda: ["GEODIST", key, member, random.choice("abcdefgh"), *chance.option(random, "km")],
            lambda: ["GEOSEARCH", key, *center, *shape, *options(random)],
            lambda: ["GEORADIUS_RO", key, *place(random), *radius(random), *options(random)],
            lambda: ["GEORADIUSBYMEMBER_RO", key, member, *radius(random), *options(random)],
            lambda: ["GEORADIUS", key, *place(random), *radius(random), random.choice(["STORE", "STOREDIST"]), "k0"],
            lambda: ["GEORADIUSBYMEMBER", key, member, *radius(random), "STORE", "k0"],
            lambda: ["GEOSEARCHSTORE", random.choice(["k0", "k5"]), key, *center, *shape],
        ]
    )()
    return chance.spoilt(random, made)
