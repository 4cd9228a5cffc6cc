"""What a text weighs once it is an SMS, and how to make it lighter without losing its sense.

GSM-7 carries 160 characters in one segment (153 in each of several), UCS-2 70 (67). One letter
outside GSM-7, an "ê" for instance, makes the whole message UCS-2 and doubles its price.
"""

import unicodedata
from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("^{}\\[~]|€\f")  # each costs two characters

_TYPOGRAPHY = {
    "’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "«": '"', "»": '"', "„": '"',
    "…": "...", "–": "-", "—": "-", "−": "-", "‑": "-", "•": "-",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200b": "",
    "œ": "oe", "Œ": "OE", "ø": "o", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i",
}  # fmt: skip


@dataclass(frozen=True)
class Weight:
    """`encoding` is "GSM-7" or "UCS-2"; `units` are septets or UTF-16 units."""

    encoding: str
    units: int
    segments: int


def weigh(text: str) -> Weight:
    """Encoding, length and number of segments, as the carrier will bill them."""
    if all(c in GSM_BASIC or c in GSM_EXTENDED for c in text):
        return _fill("GSM-7", [2 if c in GSM_EXTENDED else 1 for c in text], 160, 153)
    return _fill("UCS-2", _clusters(text), 70, 67)


def _clusters(text: str) -> list[int]:
    """UTF-16 units of each sign as it is seen: the carrier cuts no accent or emoji in two."""
    sizes: list[int] = []
    joined = False
    flags = 0
    for c in text:
        units = 2 if ord(c) > 0xFFFF else 1
        is_flag = 0x1F1E6 <= ord(c) <= 0x1F1FF
        flags = flags + 1 if is_flag else 0
        follows = (
            unicodedata.category(c) in ("Mn", "Me", "Mc")
            or c == "\u200d"
            or 0x1F3FB <= ord(c) <= 0x1F3FF
            or (is_flag and flags % 2 == 0)
        )
        if sizes and (follows or joined):
            sizes[-1] += units
        else:
            sizes.append(units)
        joined = c == "\u200d"
    return sizes


def _fill(encoding: str, sizes: list[int], alone: int, joined: int) -> Weight:
    units = sum(sizes)
    if units <= alone:
        return Weight(encoding, units, 1 if units else 0)
    segments, room = 1, joined
    for size in sizes:  # a character is never cut between two segments
        if size > room:
            segments, room = segments + 1, joined
        room -= size
    return Weight(encoding, units, segments)


def to_gsm7(text: str) -> str:
    """The text in GSM-7 letters where its sense survives; the text itself where it cannot.

    `é è à ù É Ç` stay, `ê ç œ ’ «` become `e c oe ' "`. If one character resists (an emoji, an
    Arabic name) nothing is gained by spoiling the others, and the text is left as it was.
    """
    light = "".join(_light(c) for c in unicodedata.normalize("NFC", text))
    return light if weigh(light).encoding == "GSM-7" else text


def _light(character: str) -> str:
    if character in GSM_BASIC or character in GSM_EXTENDED:
        return character
    if character in _TYPOGRAPHY:
        return _TYPOGRAPHY[character]
    bare = "".join(c for c in unicodedata.normalize("NFD", character) if not unicodedata.combining(c))
    return bare if bare and all(c in GSM_BASIC for c in bare) else character


_ENDS = (". ", "! ", "? ", "؟ ", "\n", "。")


def cut(text: str, segments: int, reserve: str = "") -> tuple[str, str]:
    """(what fits in `segments` with `reserve` added, the rest), cut after a sentence if possible."""
    if weigh(text + reserve).segments <= segments:
        return text, ""
    low, high = 1, len(text)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        if weigh(text[:middle] + reserve).segments <= segments:
            low = middle
        else:
            high = middle - 1
    end = low
    head = text[:end]
    sentence = (
        max(head.rfind(mark) + len(mark) for mark in _ENDS if mark in head[10:])
        if any(mark in head[10:] for mark in _ENDS)
        else 0
    )
    end = sentence or (head.rfind(" ") + 1) or end
    return text[:end].strip(), text[end:].strip()
