"""Conversations from seeds, held with the real memcached and with Martlet (see `random_conversations.py`).

Which, and how many, can be said in the environment: MEMCACHED_SEED=1000 MEMCACHED_CONVERSATIONS=5000.
"""

from __future__ import annotations

import os

import pytest

from conversations import WAYS, Pair
from random_conversations import compare, converse

pytestmark = pytest.mark.martlet

FIRST = int(os.environ.get("MEMCACHED_SEED", "1"))
COUNT = int(os.environ.get("MEMCACHED_CONVERSATIONS", "300"))
STEPS = 40


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_random_conversation(pair: Pair, seed: int) -> None:
    # Most of them whole: the way a conversation is cut is tried with every entry of the tables, too.
    compare(pair, seed, list(converse(seed, STEPS)), WAYS[2 if seed % 5 == 0 else 0])
