"""Sessions of a web application: made, read, changed by another request, ended; each expires."""

from __future__ import annotations

import sys

import redis
from flask import Flask, session
from flask_session import Session

client = redis.Redis(port=int(sys.argv[1]))
application = Flask(__name__)
application.config.update(SESSION_TYPE="redis", SESSION_REDIS=client, SESSION_PERMANENT=True)
Session(application)


@application.post("/cart/<item>")
def put(item: str) -> str:
    session.setdefault("cart", []).append(item)
    session.modified = True
    return str(len(session["cart"]))


@application.get("/cart")
def show() -> list[str]:
    return session.get("cart", [])


@application.delete("/cart")
def empty() -> str:
    session.clear()
    return ""


visitors = [application.test_client() for _ in range(20)]
for count in range(1, 6):
    for number, visitor in enumerate(visitors):
        assert visitor.post(f"/cart/{number}-{count}").text == str(count)
for number, visitor in enumerate(visitors):
    assert visitor.get("/cart").json == [f"{number}-{count}" for count in range(1, 6)]
keys = client.keys("session:*")
assert len(keys) == 20
assert all(0 < client.ttl(key) <= 31 * 24 * 3600 for key in keys)
assert visitors[0].delete("/cart").status_code == 200
assert visitors[0].get("/cart").json == []
assert len(client.keys("session:*")) == 19
assert visitors[1].get("/cart").json[0] == "1-1"
# Another process sees the same.
again = application.test_client()
again.set_cookie("session", visitors[2].get_cookie("session").value)
assert again.get("/cart").json[-1] == "2-5"
