"""Where Martlet means to answer something else than memcached. Each is still different, and docs/MEMCACHED.md says it."""

from __future__ import annotations

import re

import pytest

from conversations import Difference, Pair, as_lines, talk
from servers import ROOT

pytestmark = pytest.mark.martlet

DOCUMENT = ROOT / "docs/MEMCACHED.md"
HEADING = "## Intended differences"

DIFFERENCES = [
    Difference(
        "`version`",
        "Clients that look at the number see that of the memcached that Martlet is compared with; people see whose it is.",
        talk("version\n", ways=("whole",)),
        "VERSION 1.6.18\n",
        "VERSION 1.6.18-martlet-<martlet>\n",
    ),
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=[each.title for each in DIFFERENCES])
def test_still_differs(pair: Pair, difference: Difference) -> None:
    theirs, ours = (
        b"".join(text + (b"" if state == "open" else b"<%s>\r\n" % state.encode()) for state, text in side)
        for side in pair.hold(difference.conversation, texts=[])
    )
    assert theirs == as_lines(difference.theirs)
    assert re.sub(rb"(?<=-martlet-)\S+", b"<martlet>", ours) == as_lines(difference.ours)


def test_the_document_lists_the_same() -> None:
    section = DOCUMENT.read_text().split(HEADING, 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert [(row[0], row[-1]) for row in rows] == [(each.title, each.reason) for each in DIFFERENCES]
