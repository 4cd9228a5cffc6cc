"""The last step of a sentence: its menu, its channel, its weight."""

from gateway.domain.conversation import Channel
from gateway.domain.menu import Choice
from gateway.domain.sms import cut, to_gsm7, weigh
from gateway.ports import Rendered

# Readable without their marks. Not Turkish: ı and i, s and ş make other words.
FOLDED = frozenset({"fr", "en", "pt", "es", "ro"})
SEGMENTS = {"GSM-7": 2, "UCS-2": 4}  # the price of one turn; a first contact may cost one more


def fitted(
    text: str, menu: tuple[Choice, ...], language: str, channel: Channel, more: str, room: int
) -> Rendered:
    """Text and menu lines for an SMS, cut at a sentence when too long; on the web, the text alone.

    `more` is the title of the continuation ("la suite"); `room`: segments allowed beyond the budget.
    """
    if channel is Channel.WEB:
        return Rendered(text, menu)
    fold = to_gsm7 if language in FOLDED else str
    lines = "".join(f"\n{c.digit} {c.title}" for c in menu)
    whole = fold(text + lines)
    weight = weigh(whole)
    limit = SEGMENTS[weight.encoding] + room
    if weight.segments <= limit:
        return Rendered(whole.strip(), menu)
    if not text:
        return Rendered(whole.strip(), menu)  # a menu is never cut: she must see all that she may choose
    continuation = (Choice("1", more, "PLUS"),)
    line = fold(f"\n1 {more}")
    part, rest = cut(fold(text), limit, line)
    return Rendered(part + line, continuation, rest, menu)
