"""Places: members of a sorted set with longitudes and latitudes."""

from __future__ import annotations

import math
import random

import pytest
import redis

from servers import MartletServer

EARTH = 6372797.560856
"""The radius in metres that Redis reckons with."""


def far(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The distance of two places on a sphere, in metres."""
    first, second = math.radians(one[1]), math.radians(other[1])
    u = math.sin((second - first) / 2)
    v = math.sin(math.radians(other[0] - one[0]) / 2)
    return 2 * EARTH * math.asin(math.sqrt(u * u + math.cos(first) * math.cos(second) * v * v))


def places(count: int) -> dict[bytes, tuple[float, float]]:
    chance = random.Random(count)
    return {f"m{i}".encode(): (chance.uniform(-175, 175), chance.uniform(-80, 80)) for i in range(count)}


def add(client: redis.Redis, where: dict[bytes, tuple[float, float]]) -> None:
    words = [word for member, (longitude, latitude) in where.items() for word in (longitude, latitude, member)]
    assert client.geoadd("g", words) == len(where)


@pytest.mark.parametrize("count", [20, 2000])
def test_positions_and_distances(client: redis.Redis, count: int) -> None:
    where = places(count)
    add(client, where)
    for member, (longitude, latitude) in where.items():
        [(found_longitude, found_latitude)] = client.geopos("g", member)
        assert float(found_longitude) == pytest.approx(longitude, abs=1e-5)
        assert float(found_latitude) == pytest.approx(latitude, abs=1e-5)
    assert client.geodist("g", "m1", "m2", "km") == pytest.approx(far(where[b"m1"], where[b"m2"]) / 1000, rel=1e-4)
    assert client.geodist("g", "m1", "none") is None
    assert client.geopos("g", "none") == [None]
    assert client.zrem("g", *where) == count
    assert client.exists("g") == 0


@pytest.mark.parametrize("count", [20, 2000])
def test_what_is_in_a_circle(client: redis.Redis, count: int) -> None:
    where = places(count)
    add(client, where)
    for center, radius in [((0, 0), 1000), ((100, 60), 2500), ((-120, -45), 300), ((20, 75), 1500), ((5, 5), 9000)]:
        distances = sorted((far(center, place) / 1000, member) for member, place in where.items())
        # What is so near the edge that the rounding of places decides is left aside.
        sure = [member for distance, member in distances if distance < radius * 0.999]
        found = client.geosearch("g", longitude=center[0], latitude=center[1], radius=radius, unit="km", sort="ASC")
        assert found[: len(sure)] == sure
        assert len(found) <= sum(distance < radius * 1.001 for distance, _ in distances)
        nearest = client.geosearch(
            "g", longitude=center[0], latitude=center[1], radius=radius, unit="km", count=3, withdist=True
        )
        assert [member for member, _ in nearest] == found[:3]
        stored = client.geosearchstore("d", "g", longitude=center[0], latitude=center[1], radius=radius, unit="km")
        assert stored == len(found) == client.zcard("d")


def test_what_is_in_a_box(client: redis.Redis) -> None:
    add(client, {b"near": (10, 50), b"east": (12, 50), b"north": (10, 51), b"far": (20, 60)})
    find = lambda width, height: client.geosearch(  # noqa: E731
        "g", longitude=10, latitude=50, width=width, height=height, unit="km", sort="ASC"
    )
    assert find(10, 10) == [b"near"]
    assert find(400, 10) == [b"near", b"east"]
    assert find(10, 400) == [b"near", b"north"]
    assert find(400, 400) == [b"near", b"north", b"east"]
    assert find(4000, 4000) == [b"near", b"north", b"east", b"far"]


@pytest.mark.martlet
def test_the_key_to_store_at_may_be_any(martlet: MartletServer) -> None:
    """It is behind an option, and belongs to another shard than the place's key."""
    with martlet.redis() as wire:
        wire("GEOADD", "g", "13.4", "52.5", "Berlin")
        for number in range(50):
            assert wire("GEORADIUS", "g", "13", "52", "100", "km", "ASC", "STORE", f"d{number}") == 1
            assert wire("GEORADIUSBYMEMBER", "g", "Berlin", "1", "km", "STOREDIST", f"e{number}") == 1
        assert wire("COMMAND", "GETKEYS", "GEORADIUS", "g", "1", "2", "3", "m", "STORE", "d") == [b"g", b"d"]
        shown = wire("ZRANGE", "d7", "0", "-1", "WITHSCORES")
    martlet.kill()
    martlet.start()
    with martlet.redis() as wire:
        assert wire("ZRANGE", "d7", "0", "-1", "WITHSCORES") == shown
        assert wire("ZCARD", "e49") == 1
