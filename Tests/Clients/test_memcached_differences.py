"""Where Martlet means to answer something else than memcached. Each is still different, and docs/MEMCACHED.md says it."""

from __future__ import annotations

import re

import pytest

from conversations import Difference, Pair, as_lines, talk
from servers import ROOT

pytestmark = pytest.mark.martlet

DOCUMENT = ROOT / "docs/MEMCACHED.md"
HEADING = "## Intended differences"

SILENCE = 3.0
"""Seconds after which a server that doesn't answer while the other one has is taken to be silent."""

WHOLE = ("whole",)

DIFFERENCES = [
    Difference(
        "`version`",
        "Clients see the version of memcached whose behaviour they get; people see whose server it is.",
        talk("version\n", ways=WHOLE),
        "VERSION 1.6.18\n",
        "VERSION 1.6.18-martlet-<martlet>\n",
    ),
    Difference(
        "flags beyond 32 bits",
        "memcached stores other flags than it was sent, and says that all is well.",
        talk("set a 4294967296 0 1\nx\nget a\n", ways=WHOLE),
        "STORED\nVALUE a 0 1\nx\nEND\n",
        "CLIENT_ERROR bad command line format\nERROR\nEND\n",
    ),
    Difference(
        "a length beyond 32 bits",
        "memcached reads another length than it was sent, and takes the rest of the value as commands.",
        talk("set a 0 0 4294967297\nx\n", ways=WHOLE),
        "STORED\n",
        "CLIENT_ERROR bad command line format\nERROR\n",
    ),
    Difference(
        "a time beyond 31 bits",
        "memcached takes a time after January 2038 as one in the past; a value that is kept for years has to live to it.",
        talk("set a 0 2147483648 1\nx\nget a\n", ways=WHOLE),
        "STORED\nEND\n",
        "STORED\nVALUE a 0 1\nx\nEND\n",
    ),
    Difference(
        "a zero byte in a line",
        "memcached takes it as the line's end, and so reads another key than it was asked for. Here it is a byte like others.",
        talk("set a 0 0 1\nx\nget a\0b\n", ways=WHOLE),
        "STORED\nVALUE a 0 1\nx\nEND\n",
        "STORED\nEND\n",
    ),
    Difference(
        "a key too long behind other requests",
        "memcached drops the replies to the requests before it in the same packet, and its clients get out of step.",
        talk("set a 0 0 1\nx\nget " + "k" * 251 + "\n", ways=WHOLE),
        "CLIENT_ERROR bad command line format\n",
        "STORED\nCLIENT_ERROR bad command line format\n",
    ),
    Difference(
        "an HTTP request behind other requests",
        "memcached drops the replies to the requests before it in the same packet.",
        talk("set a 0 0 1\nx\nGET / HTTP/1.1\n", ways=WHOLE),
        "<closed>\n<closed>\n<ended>\n",
        "STORED\n<closed>\n<closed>\n<ended>\n",
    ),
    Difference(
        "a value too large behind other requests",
        "memcached keeps back the replies to the requests before it until the whole value has come.",
        talk("set a 0 0 1\nx\nset a 0 0 2147483645\n", ways=WHOLE),
        "<silent>\n<silent>\n<ended>\n",
        "STORED\n<silent>\n<silent>\n<ended>\n",
    ),
    Difference(
        "`append` and `prepend` beyond the limit",
        "By memcached's own document, `NOT_STORED` says that a condition wasn't met; here the client is told the reason.",
        talk(
            f"set a 0 0 600000\n{'x' * 600_000}\n",
            f"append a 0 0 600000\n{'x' * 600_000}\n",
            ways=WHOLE,
            name="append beyond the limit",
        ),
        "STORED\nNOT_STORED\n",
        "STORED\nSERVER_ERROR object too large for cache\n",
    ),
    Difference(
        "a line of 2 to 16 KiB in several packets",
        "memcached takes it or closes the connection, as its packets happen to come; here it is a line.",
        talk(b"x" * 4000 + b"\r\n", ways=("bytes",), name="4000 bytes"),
        "<closed>\n<closed>\n<ended>\n",
        "ERROR\n<ended>\n",
    ),
    Difference(
        "a line of more than 16 KiB",
        "memcached closes the connection without a word, which leaves its user guessing.",
        talk("x " * 20_000 + "\n", ways=WHOLE, name="a line of 40000 bytes"),
        "<closed>\n<closed>\n<ended>\n",
        "CLIENT_ERROR line too long\n<closed>\n<closed>\n<ended>\n",
    ),
    Difference(
        "`gat` of very many keys",
        "memcached takes a line of more than 16 KiB from `get` and `gets` only.",
        talk("gat 0" + " kkkkkkkk" * 3000 + "\n", ways=WHOLE, name="gat of 3000 keys"),
        "<closed>\n<closed>\n<ended>\n",
        "END\n<ended>\n",
    ),
    Difference(
        "`flush_all` with a time long past",
        "memcached flushes nothing if the time is before its own start.",
        talk("set a 0 0 1\nx\nflush_all 2592001\nget a\n", ways=WHOLE),
        "STORED\nOK\nVALUE a 0 1\nx\nEND\n",
        "STORED\nOK\nEND\n",
    ),
    Difference(
        "`flush_all` with a delay after another",
        "In memcached the later one takes the earlier one back, and what was flushed is there again.",
        talk("set a 0 0 1\nx\nflush_all\nflush_all 1000\nget a\n", ways=WHOLE),
        "STORED\nOK\nOK\nVALUE a 0 1\nx\nEND\n",
        "STORED\nOK\nOK\nEND\n",
    ),
    Difference(
        "`cache_memlimit` beyond 32 bits",
        "memcached sets another limit than it was told.",
        talk("cache_memlimit 4294967297\n", ways=WHOLE),
        "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\n",
        "ERROR\n",
    ),
    Difference(
        "`lru_crawler crawl` and `metadump`",
        "What has expired is deleted in the background anyway, and `SCAN` on the Redis side lists keys; answered as with `no_lru_crawler`.",
        talk("lru_crawler metadump x\n", ways=WHOLE),
        "BADCLASS invalid class id\n",
        "CLIENT_ERROR lru crawler disabled\n",
    ),
    Difference(
        "`stats cachedump`",
        "Not done, and answered as by a memcached that was started with `-X`: `SCAN` on the Redis side lists keys.",
        talk("stats cachedump 999 1\n", ways=WHOLE),
        "CLIENT_ERROR Illegal slab id\n",
        "CLIENT_ERROR stats cachedump not allowed\n",
    ),
    Difference(
        "`stats detail`",
        "Nothing is counted by the beginnings of keys: every request would pay for it.",
        talk("stats detail on\nset a:b 0 0 1\nx\nstats detail dump\nstats detail off\n", ways=WHOLE),
        "OK\nSTORED\nPREFIX a get 0 hit 0 set 1 del 0\nEND\nOK\n",
        "OK\nSTORED\nEND\nOK\n",
    ),
    Difference(
        "`stats sizes_enable`",
        "Nothing is counted by size: every write would pay for it.",
        talk("stats sizes_enable\n", ways=WHOLE),
        "STAT sizes_status enabled\n",
        "STAT sizes_status disabled\n",
    ),
    Difference(
        "`slabs reassign`",
        "There are no slabs to move by hand; answered as by a memcached that was started with `no_slab_reassign`.",
        talk("slabs reassign x y\n", ways=WHOLE),
        "CLIENT_ERROR bad command line format\n",
        "CLIENT_ERROR slab reassignment disabled\n",
    ),
    Difference(
        "`watch` of connections and of memcached's inside",
        "Done are `fetchers`, `mutations` and `evictions`; a kind of which nothing would be shown is refused like an unknown one.",
        talk("watch sysevents\n", ways=WHOLE),
        "OK\n<silent>\n<silent>\n<open after the end>\n",
        "ERROR\n<ended>\n",
    ),
    Difference(
        "`E`, a CAS token of the client's choice",
        "Newer than 1.6.18, which calls it an invalid flag.",
        talk("ms a 1 E7 c\nx\nmd a E8\nma a E8\n", ways=WHOLE),
        "CLIENT_ERROR invalid flag\nCLIENT_ERROR invalid or duplicate flag\nCLIENT_ERROR invalid or duplicate flag\n",
        "HD ccas1\nHD\nNF\n",
    ),
    Difference(
        "`md` with `x`",
        "Newer than 1.6.18, which calls it an invalid flag.",
        talk("ms a 1\nx\nmd a x\nmg a v\n", ways=WHOLE),
        "HD\nCLIENT_ERROR invalid or duplicate flag\nVA 1\nx\n",
        "HD\nHD\nVA 0\n\n",
    ),
    Difference(
        "`ms` with `s`",
        "Newer than 1.6.18, which says nothing to it.",
        talk("ms a 1 s\nx\n", ways=WHOLE),
        "HD\n",
        "HD s1\n",
    ),
    Difference(
        "`ms` that adds to a missing key, with `N`",
        "Newer than 1.6.18, which doesn't make the key.",
        talk("ms a 1 MA N30\nx\n", ways=WHOLE),
        "NS\n",
        "HD\n",
    ),
    Difference(
        "`mg` with `C`",
        "Newer than 1.6.18, which sends a value to who has it.",
        talk("ms a 1 c\nx\n", "mg a C<cas 1> v\n", ways=WHOLE),
        "HD ccas1\nVA 1\nx\n",
        "HD ccas1\nHD\n",
    ),
    Difference(
        "`k` of a key that was once given in base64",
        "It comes back as this request has written it; memcached gives it as it was written when it was stored.",
        talk("ms YQ== 1 b\nx\nmg a k\n", ways=WHOLE),
        "HD\nHD kYQ== b\n",
        "HD\nHD ka\n",
    ),
    Difference(
        "`k` and `me` of a key in base64 that `mg` has made, or whose value was added to",
        "memcached puts the bare bytes into its reply, and a line end among them breaks it.",
        talk("mg YSBi b k N30\n", ways=WHOLE),
        "HD ka b W\n",
        "HD kYSBi b W\n",
    ),
    Difference(
        "an opaque token too long",
        "memcached refuses the request when it has already done it.",
        talk(f"mg a N0 O{'1' * 32}\nmg a\n", ways=WHOLE),
        "CLIENT_ERROR opaque token too long\nHD\n",
        "CLIENT_ERROR opaque token too long\nEN\n",
    ),
    Difference(
        "`ma` with `T`, and a number that gets longer",
        "memcached gives the time to the value that it has just replaced, and says that all is well.",
        talk("ms a 1\n9\nma a T100 v\nmg a t\n", ways=WHOLE),
        "HD\nVA 2\n10\nHD t-1\n",
        "HD\nVA 2\n10\nHD t100\n",
    ),
    Difference(
        "`ms` that adds beyond the limit",
        "By memcached's own document, `NS` says that a condition wasn't met; here the client is told the reason.",
        talk(
            f"ms a 600000\n{'x' * 600_000}\n", f"ms a 600000 MA\n{'x' * 600_000}\n", ways=WHOLE, name="ms beyond the limit"
        ),
        "HD\nNS\n",
        "HD\nSERVER_ERROR object too large for cache\n",
    ),
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=[each.title for each in DIFFERENCES])
def test_still_differs(pair: Pair, difference: Difference) -> None:
    conversation = difference.conversation
    theirs, ours = (
        b"".join(text + (b"" if state == "open" else b"<%s>\r\n" % state.encode()) for state, text in side)
        for side in pair.hold(conversation, conversation.ways[0], texts=[], patience=SILENCE)
    )
    assert theirs == as_lines(difference.theirs)
    assert re.sub(rb"(?<=-martlet-)\S+", b"<martlet>", ours) == as_lines(difference.ours)


def test_the_document_lists_the_same() -> None:
    section = DOCUMENT.read_text().split(HEADING, 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert [(row[0], row[-1]) for row in rows] == [(each.title, each.reason) for each in DIFFERENCES]
