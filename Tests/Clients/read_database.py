"""Reads a database without Martlet, by docs/FORMAT.md alone: `read_database.py database.txt` shows it."""
import base64, re, sys
from collections import namedtuple

TABLE = list(range(256))
for _ in range(8):  # CRC-32C's polynomial, the lowest bit first
    TABLE = [entry >> 1 ^ (0x82F63B78 if entry & 1 else 0) for entry in TABLE]
HEADER = re.compile(
    rb"# martlet database, format 1, id (\w+), hash seed \w+(?:, checkpoint (\d+))?, crc ([\da-f]{8})")
CLOSING = re.compile(
    rb"# (?:part (\d+) of checkpoint (\d+)|checkpoint (\d+) parts (\d+) keys (\d+) time \S+"
    rb"|commit (\d+)-(\d+) synced (\d+) time \S+) db (\w+) crc ([\da-f]{8})")
WORD = re.compile(rb'(?:"((?:[^"\\]|\\(?:[nrt"\\]|x[0-9a-fA-F]{2}))*)"|b64"([^"]*)"|([^ "]+))(?: |$)')
ESCAPE = re.compile(rb"\\(?:x(..)|(.))")
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"\\": b"\\"}
# A value is bytes, a set of them, a tuple for a list, a dictionary of fields to (value, expiry), or for a sorted set a tuple
# of (score, member) in order; an expiry is in milliseconds, or 0; the token is what `gets` shows.
Item = namedtuple("Item", "value version expiry flags token stale", defaults=[0, 0, 0, 0, False])
class Refused(ValueError): """The file is damaged, or no file of this format."""

def crc32c(data, crc):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF

def words_of(line):
    found = list(WORD.finditer(line))
    if not found or line.endswith(b" ") or b"".join(each[0] for each in found) != line:
        raise Refused(f"not words with single spaces: {line[:80]}")
    plain = lambda each: bytes.fromhex(each[1].decode()) if each[1] else ESCAPED[each[2]]
    return [ESCAPE.sub(plain, each[1]) if each[1] is not None else each[3]
            or base64.b64decode(each[2], validate=True) for each in found]

def numbers(options):
    if not {b"PXAT", b"FLAGS", b"CAS", b"VERSION"}.issuperset(options[::2]):
        raise Refused(f"no options of this format: {options}")
    return dict(zip(options[::2], map(int, options[1::2]), strict=True))

def changed_list(name, old, *words):
    match name, *words:
        case b"LPUSH", *elements:
            return (*reversed(elements), *old)
        case b"RPUSH", *elements:
            return (*old, *elements)
        case (b"LPOP" | b"RPOP"), count:
            return old[int(count):] if name == b"LPOP" else old[:max(0, len(old) - int(count))]
        case b"LTRIM", start, stop:
            return old[int(start):int(stop) + 1]
        case b"LSET", index, element:
            return (*old[:int(index)], element, *old[int(index) + 1:])
        case b"LINSERT", side, pivot, element:
            place = old.index(pivot) + (side == b"AFTER")
            return (*old[:place], element, *old[place:])
        case b"LREM", count, element:
            places = [place for place, each in enumerate(old) if each == element]
            places = places[int(count):] if int(count) < 0 else places[:int(count) or None]
            return tuple(each for place, each in enumerate(old) if place not in places)

def apply(keys, database, version, name, *words):
    key, gone, changed = (database, *words[:1]), [], dict(version=version, token=version, stale=False)
    empty = {b"SADD": frozenset(), b"HSET": {}, b"HSETEX": {}, b"ZADD": (), b"LPUSH": (), b"RPUSH": ()}.get(name, b"")
    old = keys.get(key, Item(empty))
    match name, *words:
        case b"SET", _, value, *options:
            named, stale = numbers([each for each in options if each != b"STALE"]), b"STALE" in options
            version, token = named.get(b"VERSION", version), named.get(b"CAS", 0)
            keys[key] = Item(value, version, named.get(b"PXAT", 0), named.get(b"FLAGS", 0), token or version, stale)
        case b"STALE", _, *options:
            named, expiry = numbers(options), old.expiry
            changed |= dict(expiry=named.get(b"PXAT", expiry), token=named.get(b"CAS", version), stale=True)
            keys |= {key: old._replace(**changed)} if key in keys else {}
        case b"MSET", *pairs:
            keys |= {(database, each): Item(value, **changed) for each, value in zip(pairs[::2], pairs[1::2])}
        case (b"APPEND" | b"PREPEND" | b"SETRANGE"), _, *offset, value:
            start = int(offset[0]) if offset else len(old.value) if name == b"APPEND" else 0
            end = start + len(value) if name != b"PREPEND" else 0
            value = old.value[:start].ljust(start, b"\0") + value + old.value[end:]
            keys[key] = old._replace(value=value, **changed)
        case (b"SADD" | b"SREM"), _, *members:
            value = old.value.union(members) if name == b"SADD" else old.value.difference(members)
            keys[key], gone = old._replace(value=value, **changed), [] if value else [key]
        case b"HSET", _, *pairs:
            fields = {field: (value, 0) for field, value in zip(pairs[::2], pairs[1::2], strict=True)}
            keys[key] = old._replace(value=old.value | fields, **changed)
        case b"HSETEX", _, (b"PXAT" | b"KEEPTTL") as option, *rest:
            time, (_, count, *pairs) = (rest[0], rest[1:]) if option == b"PXAT" else (None, rest)
            expiry = lambda field: int(time) if time else old.value.get(field, (b"", 0))[1]
            fields = {field: (value, expiry(field)) for field, value in zip(pairs[::2], pairs[1::2], strict=True)}
            keys[key] = old._replace(value=old.value | fields, **changed)
        case b"HDEL", _, *fields:
            value = {field: each for field, each in old.value.items() if field not in fields}
            keys[key], gone = old._replace(value=value, **changed), [] if value else [key]
        case (b"HPEXPIREAT" | b"HPERSIST"), _, *rest:
            time, fields = (int(rest[0]), rest[3:]) if name == b"HPEXPIREAT" else (0, rest[2:])
            value = {field: (each[0], time if field in fields else each[1]) for field, each in old.value.items()}
            keys |= {key: old._replace(value=value, **changed)} if key in keys else {}
        case b"ZADD", _, *pairs:
            scores = {each: score for score, each in old.value}
            scores |= {each: float(score) for score, each in zip(pairs[::2], pairs[1::2], strict=True)}
            keys[key] = old._replace(value=tuple(sorted((score, each) for each, score in scores.items())), **changed)
        case b"ZREM", _, *members:
            value = tuple(each for each in old.value if each[1] not in members)
            keys[key], gone = old._replace(value=value, **changed), [] if value else [key]
        case b"ZREMRANGEBYRANK", _, first, last:
            value = old.value[: int(first)] + old.value[int(last) + 1 :]
            keys[key], gone = old._replace(value=value, **changed), [] if value else [key]
        case (b"LPUSH" | b"RPUSH" | b"LPOP" | b"RPOP" | b"LSET" | b"LINSERT" | b"LREM" | b"LTRIM"), _, *rest:
            value = changed_list(name, old.value, *rest)
            keys[key], gone = old._replace(value=value, **changed), [] if value else [key]
        case (b"PEXPIREAT" | b"PERSIST"), _, *expiry:  # the value stays, and so does its token
            keys |= {key: old._replace(version=version, expiry=int([*expiry, 0][0]))} if key in keys else {}
        case (b"RENAME" | b"COPY" | b"MOVE"), _, target, *number:
            token = version if old.token == old.version else old.token  # one that a client chose stays
            place = (int(target), key[1]) if name == b"MOVE" else (int(number[1]) if number else database, target)
            keys[place] = old._replace(version=version, token=token)
            gone = [key] if name != b"COPY" and place != key else []
        case b"SWAPDB", *both:
            first, second = map(int, both)
            other = {first: second, second: first}
            swapped = {(other.get(each[0], each[0]), each[1]): item for each, item in keys.items()}
            keys.clear()
            keys |= swapped
        case b"VERSION", _, number:
            keys[key] = old._replace(version=int(number), token=int(number))
        case (b"DEL" | b"FLUSHDB" | b"FLUSHALL"), *names:
            gone = [each for each in keys if each[0] == database or name == b"FLUSHALL"]
            gone = [(database, each) for each in names] if name == b"DEL" else gone
        case _:
            raise Refused(f"no record of this format: {name}")
    for each in gone:
        keys.pop(each, None)

def replay(keys, lines, version, database=0):
    for name, *words in (words_of(line) for line in lines if not line.startswith(b"#")):
        if name.upper() == b"SELECT":
            database = int(words[0])
        else:
            apply(keys, database, version, name.upper(), *words)
            version += 1
    return version

def read(content):
    """The items of a file with this content, by (number of the database, key)."""
    lines = content.split(b"\n")[:-1]
    header = HEADER.fullmatch(lines[0] if lines else b"")
    if not header or (crc := crc32c(lines[0][:-8], 0)) != int(header[3], 16):
        raise Refused("line 1: no header of format 1, or a damaged one")
    keys, version, parts, start, checkpoint = {}, 0, 0, 1, int(header[2] or 0)
    in_body = checkpoint > 0
    for end, line in enumerate(lines):
        if not line.startswith((b"# part ", b"# checkpoint ", b"# commit ") if in_body else b"# commit "):
            continue
        records, fields = lines[start:end], CLOSING.fullmatch(line)
        crc = crc32c(b"\n".join([*records, line[:-8]]), crc)
        if not fields or fields[9] != header[1] or int(fields[10], 16) != crc:
            break
        numbers, start = [int(each) for each in fields.groups()[:8] if each], end + 1
        if in_body and numbers == [parts + 1, checkpoint]:
            replay(keys, records, 0)
            parts += 1
        elif in_body and fields[3] and not records and numbers == [checkpoint, parts, len(keys)]:
            in_body, version = False, checkpoint
        elif in_body or numbers[0] <= version or replay(keys, records, numbers[0]) != numbers[1] + 1:
            raise Refused(f"line {end + 1}: doesn't fit what stands before it")
        else:
            version = numbers[1]
    # What is left was under way in a crash, unless it is the body, or a line says that it was once synced.
    later = [each for each in map(CLOSING.fullmatch, lines[start:]) if each and each[8]]
    if in_body or any(each[9] != header[1] or int(each[8]) > version for each in later):
        raise Refused(f"line {start + 1}: damaged")
    return keys

if __name__ == "__main__":
    print(*read(open(sys.argv[1], "rb").read()).items(), sep="\n")
