"""Reads two callgrind files of the same program and prints what one more request costs.

Usage: count.py REQUEST SMALL LARGE REQUESTS, where LARGE ran REQUESTS more requests than SMALL.
"""

import re
import sys

WATCHED = {
    "retains": re.compile(r"^_?swift_(retain|bridgeObjectRetain)"),
    "releases": re.compile(r"^_?swift_(release|bridgeObjectRelease)"),
    "accesses": re.compile(r"^swift_beginAccess"),
    "mallocs": re.compile(r"^(malloc|calloc|realloc|posix_memalign|swift_slowAlloc)$"),
}


def totals(path: str) -> tuple[int, dict[str, int]]:
    """The instructions of a run, and the calls to each function watched."""
    names: dict[str, str] = {}
    calls = dict.fromkeys(WATCHED, 0)
    instructions = 0
    callee = ""
    for line in open(path):
        if line.startswith("totals:") or line.startswith("summary:"):
            instructions = int(line.split()[1])
        elif line.startswith(("fn=", "cfn=")):
            kind, _, rest = line.strip().partition("=")
            match = re.match(r"(\(\d+\))\s*(.*)", rest)
            number, name = match.groups() if match else (rest, rest)
            if name:
                names[number] = name
            if kind == "cfn":
                callee = names[number]
        elif line.startswith("calls="):
            count = int(line[6:].split()[0])
            for key, pattern in WATCHED.items():
                if pattern.match(callee.split("@")[0].split("'")[0]):
                    calls[key] += count
    return instructions, calls


def main() -> int:
    request, small, large, requests = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    before, calls_before = totals(small)
    after, calls_after = totals(large)
    each = {key: (calls_after[key] - calls_before[key]) / requests for key in WATCHED}
    print(
        f"{request:<8} {(after - before) / requests:14.0f} {each['retains']:10.2f} {each['releases']:10.2f} "
        f"{each['accesses']:12.2f} {each['mallocs']:8.2f}"
    )
    return 1 if request.endswith("get") and any(value >= 0.01 for value in each.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
