"""Changes to a file that keep most of its structure, so that they reach what lies behind the parser."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

NUMBERS = [
    0,
    -1,
    1,
    0.5,
    1e308,
    -1e308,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    float("nan"),
    float("inf"),
    1e-320,
]
TEXTS = [
    "", " ", "\0", "\n", "\x1b[31mred\x1b]0;title\x07", "\x9b2J", "[bold]x[/bold]", "[/]", "\u202egod\u2066", "🐕‍🦺",
    "\ud800", "x" * 10_000, "../../outside.png", "/etc/passwd", "a\\..\\b", "C:\\x", "NaN", "null", "-", ".", "..",
    "%00", "{0}", "%s", "é", "e\u0301", "/dev/zero", "/dev/stdin", "http://127.0.0.1:9/x.png", "dog",
]  # fmt: skip
YAML_TEXTS = [
    "&a [*a]", "*nowhere", "!!python/object/apply:os.system [false]", "!!binary xx", "!unknown 3", "<<: {a: 1}",
    "? [a]\n: b", "---\nother: 1\n", "{a: &x [1], b: *x}", "2001-01-01", "0x1F", "1_000", ".inf", ".nan", "~",
    "[" * 2000, "- " * 2000, "|\n  block", "1:10", "%YAML 1.1\n---\n", "\t",
]  # fmt: skip

_LARGEST = 2_000_000  # bytes of an input: the limit of time is for small ones
Mutation = Callable[[bytes, Random], bytes]


def value(random: Random) -> Any:
    """Something that should not be there."""
    kinds = [
        lambda: random.choice(NUMBERS),
        lambda: random.choice(TEXTS),
        lambda: random.choice([None, True, False, [], {}, [[]], {"": 0}]),
        lambda: [random.choice(NUMBERS) for _ in range(random.randint(1, 6))],
        lambda: {random.choice(TEXTS): random.choice(NUMBERS)},
    ]
    return random.choice(kinds)()


def mutate(content: bytes, name: str, random: Random) -> bytes:
    """`content` of the file `name`, changed once or a few times in a way that fits its kind."""
    suffix = name.rpartition(".")[2].lower()
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        fitting = _FITTING.get(suffix, [])
        # Most changes keep the structure; the others are what a broken disk or a wrong program does.
        change = random.choice(fitting) if fitting and random.random() < 0.8 else random.choice(_ANY)
        content = change(content, random)
    return content[:_LARGEST]


def _json(content: bytes, random: Random) -> bytes:
    try:
        tree = json.loads(content)
        return _dumped(_tree(tree, random))
    except (ValueError, RecursionError):
        return _words(content, random)


def _lines(content: bytes, random: Random) -> bytes:
    """Of jsonl: one line is changed as JSON is."""
    lines = content.split(b"\n")
    index = random.randrange(len(lines))
    lines[index] = _json(lines[index], random)
    return b"\n".join(lines)


def _dumped(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _tree(tree: Any, random: Random) -> Any:
    """`tree` with one value exchanged, left out, doubled, nested, or moved."""
    places = list(_places(tree))
    if not places:
        return value(random)
    holder, key = random.choice(places)
    match random.randrange(7):
        case 0 | 1 | 2:
            holder[key] = value(random)
        case 3:
            del holder[key]
        case 4 if isinstance(holder, list):
            holder.extend([holder[key]] * random.choice([1, 2, 1000]))
        case 4:
            holder[random.choice(TEXTS)] = holder[key]
        case 5:
            depth = random.choice([1, 2, 300])
            for _ in range(depth):
                holder[key] = [holder[key]] if random.random() < 0.5 else {"a": holder[key]}
        case _:
            other, place = random.choice(places)
            taken = json.dumps(other[place] if _has(other, place) else None)
            holder[key] = json.loads(taken)
    return tree


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found, waiting = [], [tree]
    while waiting:
        holder = waiting.pop()
        keys = (
            list(holder)
            if isinstance(holder, dict)
            else range(len(holder))
            if isinstance(holder, list)
            else ()
        )
        for key in keys:
            found.append((holder, key))
            waiting.append(holder[key])
    return found


def _words(content: bytes, random: Random) -> bytes:
    """One number or word of a text (YAML, XML, CSV) is exchanged."""
    text = content.decode("utf-8", "replace")
    words = list(re.finditer(r"-?\d+(?:\.\d+)?|[^\W\d]\w*", text))
    if not words:
        return content + str(value(random)).encode("utf-8", "surrogatepass")
    word = random.choice(words)
    new = random.choice([str(value(random)), str(random.choice(NUMBERS)), random.choice(YAML_TEXTS)])
    return (text[: word.start()] + new + text[word.end() :]).encode("utf-8", "surrogatepass")


def _line(content: bytes, random: Random) -> bytes:
    """One line of a text is left out, doubled, indented or joined to another."""
    lines = content.split(b"\n")
    index = random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            del lines[index]
        case 1:
            lines[index:index] = [lines[index]] * random.choice([1, 3, 2000])
        case 2:
            lines[index] = random.choice([b"  ", b"\t", b"- ", b"#"]) + lines[index]
        case _:
            random.shuffle(lines)
    return b"\n".join(lines)


def _xml(content: bytes, random: Random) -> bytes:
    lol = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 9))
    head = random.choice(
        [
            b'<!DOCTYPE x [<!ENTITY l0 "lol">' + lol + b"]>",
            b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
            b"<a>" * 5000,
            b'<?xml version="1.0" encoding="utf-7"?>',
        ]
    )
    entity = random.choice([b"&l8;", b"&f;", b"&#0;", b"<![CDATA[x]]>", b"<x/>"])
    text = re.sub(rb"<\?xml[^>]*\?>", b"", content)
    ends = [found.end() for found in re.finditer(rb">", text)] or [0]
    at = random.choice(ends)
    return head + text[:at] + entity + text[at:]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _flip(content: bytes, random: Random) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    for _ in range(random.choice([1, 3, 20])):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _insert(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content) + 1)
    return (
        content[:at]
        + random.choice([b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\n" * 3000, b"[" * 3000])
        + content[at:]
    )


def _encoding(content: bytes, random: Random) -> bytes:
    text = content.decode("utf-8", "replace")
    name = random.choice(["utf-8-sig", "utf-16", "utf-32", "utf-16-be", "latin-1"])
    return text.encode(name, "replace")


def _whole(content: bytes, random: Random) -> bytes:
    return random.choice(
        [b"", b"\n", b"null", b"[]", b"{}", b"[{}]", b"\0" * 100, b"{" * 900, b"[" * 100_000]
    )


def _png(content: bytes, random: Random) -> bytes:
    """One chunk is changed, with a check sum that is right, left out, doubled or added."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return _flip(content, random)
    index = random.randrange(len(chunks))
    kind, data = chunks[index]
    match random.randrange(6):
        case 0 if kind == b"IHDR":
            sizes = struct.pack(
                ">II", random.choice([0, 1, 20_000, 2**31 - 1, 70_000]), random.choice([1, 0, 70_000])
            )
            chunks[index] = (
                kind,
                random.choice([sizes + data[8:], data[:8] + bytes([random.choice([1, 8, 16]), *data[9:]])]),
            )
        case 0 | 1 if kind in (b"tEXt", b"zTXt", b"iTXt"):
            key, _, text = data.partition(b"\0")
            chunks[index] = kind, key + b"\0" + _json(text, random)
        case 0 | 1 | 2:
            chunks[index] = kind, _flip(data, random)
        case 3:
            del chunks[index]
        case 4:
            chunks.insert(index, (kind, data))
        case _:
            bomb = b"layoutgen\0\0" + zlib.compress(b"{" + b" " * random.choice([100, 80_000_000]), 1)
            chunks.insert(
                1,
                random.choice([(b"zTXt", bomb), (b"iCCP", b"x\0\0" + bomb), (b"acTL", b"\0\0\0\2\0\0\0\0")]),
            )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return content[:8] + body


def _safetensors(content: bytes, random: Random) -> bytes:
    """The header is changed as JSON is, or its length is."""
    (length,) = struct.unpack("<Q", content[:8]) if len(content) >= 8 else (0,)
    header = content[8 : 8 + length]
    if random.random() < 0.2:
        return struct.pack("<Q", random.choice([0, 1, length + 1, 2**40, 2**63])) + content[8:]
    changed = _json(header, random)
    return struct.pack("<Q", len(changed)) + changed + content[8 + length :]


_TEXT: list[Mutation] = [_words, _words, _line]
_FITTING: dict[str, list[Mutation]] = {
    "json": [_json],
    "jsonl": [_lines, _line],
    "yaml": _TEXT,
    "csv": _TEXT,
    "txt": _TEXT,
    "xml": [*_TEXT, _xml],
    "png": [_png],
    "safetensors": [_safetensors],
}
_ANY: list[Mutation] = [_cut, _flip, _insert, _encoding, _whole]
