"""memcached's classic text protocol, compared with the real memcached, byte for byte (see `conversations.py`)."""

from __future__ import annotations

import pytest

from conversations import Conversation, Pair, Send, Until, every_way, talk
from test_memcached_protocol import CONVERSATIONS

pytestmark = pytest.mark.martlet


@every_way(talk(asked) for asked, _ in CONVERSATIONS)
def test_what_the_protocol_tests_ask(pair: Pair, conversation: Conversation, way: str) -> None:
    pair.compare(conversation, way)


TWO = [
    talk("set a 0 0 1\nx\ngets a\n", "cas a 0 0 1 <cas 1>\ny\ngets a\n", "cas a 0 0 1 <cas 1>\nz\ngets a\n"),
    talk("set a 0 0 1\nx\n", Send(b"get a\r\ndelete a\r\n", on=1), "get a\n"),
    talk("set a 0 1 1\nx\n", Until(b"get a\r\n", b"END\r\n"), "add a 0 0 1\ny\n"),
    talk("set a 0 <now+100> 1\nx\nget a\n"),
    talk("quit\n"),
    talk("set a 0 0 10\nabc"),
    talk("version\n"),
]


@every_way(TWO)
def test_two(pair: Pair, conversation: Conversation, way: str) -> None:
    pair.compare(conversation, way)
