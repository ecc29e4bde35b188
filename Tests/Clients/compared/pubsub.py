"""Channels as one connection sees them, tracking, and what a client may ask about itself and others."""

from __future__ import annotations

from random import Random

SCRIPTS = [
    (
        "nobody listens",
        "both",
        """
        PUBLISH a m
        PUBLISH a
        SPUBLISH a m
        PUBSUB
        PUBSUB FOO
        PUBSUB CHANNELS
        PUBSUB CHANNELS a*
        PUBSUB CHANNELS a b
        PUBSUB NUMSUB
        PUBSUB NUMSUB a b
        PUBSUB NUMPAT
        PUBSUB NUMPAT x
        PUBSUB SHARDCHANNELS
        PUBSUB SHARDNUMSUB a
        SUBSCRIBE
        PSUBSCRIBE
        SSUBSCRIBE
        """,
    ),
    (
        "listening and no more",
        "both",
        """
        SUBSCRIBE a
        SUBSCRIBE a
        PSUBSCRIBE a*
        SSUBSCRIBE s
        UNSUBSCRIBE other
        UNSUBSCRIBE a
        PUNSUBSCRIBE
        SUNSUBSCRIBE s
        UNSUBSCRIBE
        PUNSUBSCRIBE
        SUNSUBSCRIBE
        PING
        """,
    ),
    (
        "what a listener may say",
        "both",
        """
        SUBSCRIBE a
        GET
        NOSUCH
        PING
        PING hi
        RESET
        GET k
        """,
    ),
    (
        "a transaction with channels",
        "both",
        """
        MULTI
        PUBLISH a m
        PUBSUB NUMSUB a
        EXEC
        MULTI
        SUBSCRIBE a
        UNSUBSCRIBE a
        EXEC
        """,
    ),
    (
        "tracking",
        "both",
        """
        CLIENT TRACKINGINFO
        CLIENT GETREDIR
        CLIENT TRACKING
        CLIENT TRACKING maybe
        CLIENT TRACKING on OPTIN OPTOUT
        CLIENT TRACKING on PREFIX a
        CLIENT TRACKING on BCAST OPTIN
        CLIENT TRACKING on BCAST PREFIX a PREFIX ab
        CLIENT TRACKING on REDIRECT 99999999
        CLIENT TRACKING on REDIRECT abc
        CLIENT TRACKING on
        ~CLIENT TRACKINGINFO
        CLIENT TRACKING on BCAST
        CLIENT TRACKING off
        CLIENT TRACKING on BCAST PREFIX a PREFIX b NOLOOP
        ~CLIENT TRACKINGINFO
        CLIENT TRACKING on BCAST PREFIX bb
        CLIENT CACHING yes
        CLIENT TRACKING off
        CLIENT CACHING yes
        CLIENT TRACKING on OPTIN
        CLIENT CACHING no
        CLIENT CACHING yes
        ~CLIENT TRACKINGINFO
        ~CLIENT TRACKINGINFO
        CLIENT TRACKING off
        CLIENT GETREDIR
        """,
    ),
    (
        "killing nobody",
        "both",
        """
        CLIENT KILL
        CLIENT KILL foo
        CLIENT KILL ID
        CLIENT KILL ID 0
        CLIENT KILL ID 99999999
        CLIENT KILL TYPE foo
        CLIENT KILL TYPE pubsub
        CLIENT KILL USER nobody
        CLIENT KILL FOO bar
        CLIENT KILL ADDR 1.2.3.4:5
        CLIENT KILL LADDR 1.2.3.4:5
        CLIENT KILL SKIPME foo
        CLIENT KILL ID 99999999 SKIPME yes
        CLIENT KILL 1.2.3.4:5
        """,
    ),
    (
        "clients by more, as Valkey has it",
        "valkey",
        """
        CLIENT KILL MAXAGE 1000000
        CLIENT KILL NAME nobody
        CLIENT LIST NAME nobody
        CLIENT LIST ID 1 x
        CLIENT LIST IDLE 1000000
        CLIENT NO-TOUCH maybe
        CLIENT NO-TOUCH on
        MULTI
        CLIENT REPLY on
        EXEC
        """,
    ),
    (
        "what a client may ask",
        "both",
        """
        CLIENT LIST TYPE foo
        CLIENT LIST TYPE normal x
        CLIENT LIST ID
        CLIENT LIST FOO
        CLIENT NO-EVICT
        CLIENT NO-EVICT maybe
        CLIENT NO-EVICT on
        CLIENT REPLY maybe
        CLIENT REPLY on
        CLIENT PAUSE
        CLIENT PAUSE abc
        CLIENT PAUSE -1
        CLIENT PAUSE 10 FOO
        CLIENT PAUSE 0 WRITE
        CLIENT UNPAUSE
        CLIENT UNPAUSE x
        MONITOR x
        CONFIG SET notify-keyspace-events KEA
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events g$n
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events Q
        CONFIG SET notify-keyspace-events ""
        CONFIG GET client-output-buffer-limit
        CONFIG SET client-output-buffer-limit "pubsub 1mb 0"
        CONFIG SET client-output-buffer-limit "pubsub 1x 0 0"
        CONFIG GET tracking-table-max-keys
        """,
    ),
]


def random_command(random: Random) -> list[str | bytes]:
    """Commands with one reply each: nothing that listens, so that no push comes between."""
    channel = random.choice(["a", "b", "c*", ""])
    return random.choice(
        [
            ["PUBLISH", channel, "m"],
            ["SPUBLISH", channel, "m"],
            ["PUBSUB", "NUMSUB", channel, "a"],
            ["PUBSUB", "NUMPAT"],
            ["PUBSUB", "SHARDNUMSUB", channel],
            ["CLIENT", "GETREDIR"],
            ["CLIENT", "CACHING", random.choice(["yes", "no", "x"])],
        ]
    )
