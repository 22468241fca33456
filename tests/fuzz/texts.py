"""Text that has been too much for somebody's program: names, numbers, escapes, separators, lengths."""

from __future__ import annotations

from random import Random

HOSTILE = (
    "", " ", ".", "..", "../../etc/passwd", "..\\..\\x", "/", "//", "a/b", "%2e%2e%2f", "%", "%zz",
    "%00", "\x00", "a\x00b", "\r\n", "a\r\nX: y", "\x1b]52;c;aGk=\x07", "\x1b[2J", "\x7f", "\x85",
    "\u2028", "\ufeff", "\u202eweb", "wеb", "Ⅷ", "ß", "İ", "𝕎", "💥" * 20, "é", "e\u0301", "\ud800",
    "\udfff\ud800", "a" * 127, "a" * 128, "a" * 300, "-", "-rf", "--help", "_", "~root", "$(id)",
    "`id`", "${HOME}", "{{7*7}}", "'", '"', "' OR 1=1 --", "\\", "(a+)+$", "*" * 60, "[", "]", "{",
    "}", "<script>", "&&", "|", ";", "#", "?", "=", "0", "-1", "1e9", "0x10", "1_000", "٣", "NaN",
    "Infinity", "null", "true", "None", "9" * 18, "9" * 19, "9" * 40, str(2**31), str(2**63 - 1),
    str(2**63), str(2**64), "-9223372036854775809", "1.5", "00", "+1", "1 ", "127.0.0.1:1",
    "http://127.0.0.1/", "[::1]:80", "con", "cube", "cube.task", "web", "web.1", "web.0",
    "web.99999999999", "job", "w1", "80:80", "80:80:80", "0:0", "65536:1", "1-99999:1",
    "8080:80/udp", "1h", "1e400s", "-5s", "99999999999999d", "1Gi", "1e999Gi", "-1Mi", "gpu=", "=x",
    "a=b=c", "zone==", "zone!=x", "==", "zone in (", "KEY", "/proc", "/dev/null", "a:b:ro",
)  # fmt: skip
NAMES = ("web", "job", "fuzz-1", "fuzz-2", "fuzz-3", "w1", "web.1", "7f3a90c2", "01", "a")
NUMBERS = (
    0, 1, 2, 3, 7, 10, 100, 1000, 65535, 65536, 10**6, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63,
    2**64, 10**29, 10**31, -1, -2, -(2**31), -(2**63), -(2**63) - 1,
)  # fmt: skip


def text(dice: Random) -> str:
    """Return a hostile text."""
    if dice.random() < 0.8:
        return dice.choice(HOSTILE)
    return "".join(
        chr(dice.choice(_POINTS) + dice.randrange(64)) for _ in range(dice.randrange(12))
    )


def number(dice: Random) -> int:
    """Return a number at an edge."""
    return dice.choice(NUMBERS)


def spoilt(data: bytes, dice: Random) -> bytes:
    """Return the bytes with one to three of them changed, cut, doubled or moved."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del changed[at : at + dice.randint(1, 9)]
            case 2:
                changed[at:at] = dice.randbytes(dice.randint(1, 5))
            case 3:
                changed[at:at] = changed[: dice.randint(1, 40)]
            case _:
                changed[at:at] = dice.choice(_PIECES)
    return bytes(changed)


_POINTS = (0, 32, 64, 0x80, 0x300, 0x600, 0x2000, 0xD7E0, 0xFFC0, 0x1F600)
_PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b": ",
    b" ",
    b"\t",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b'"',
    b"\\u0000",
)
