"""Payloads as DUMP gives and RESTORE takes them: a value in the form of an RDB file, its version, and a checksum."""

from __future__ import annotations

import struct


def _table() -> list[int]:
    """Of the CRC-64 with the polynomial of David T. Jones, reflected."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x95AC9329AC4BC9B5 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def crc64(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def payload(value: bytes, version: int = 10) -> bytes:
    """A value behind its type."""
    body = value + struct.pack("<H", version)
    return body + struct.pack("<Q", crc64(body))
