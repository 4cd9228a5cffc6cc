"""How often one address of the network may do something. Whoever is refused is told so kindly, and what to do.

Signatures, links and tokens are always checked: an address that is refused here is only one that tries without end.
"""

import ipaddress

import structlog
from fastapi import Request

from gateway.errors import TooMany

log = structlog.get_logger()

MESSAGES, SIGN_INS, MISTAKES = "message", "sign_in", "mistake"
SENTENCE = "Trop de demandes arrivent de chez vous. Attendez une minute, puis recommencez."


async def slow_down(request: Request, what: str) -> None:
    """Raises TooMany beyond the limit. `what`: MESSAGES, SIGN_INS or MISTAKES (something that was refused anyway)."""
    wiring = request.app.state.wiring
    most = {
        MESSAGES: wiring.settings.chat_a_minute,
        SIGN_INS: wiring.settings.sign_ins_a_minute,
        MISTAKES: wiring.settings.mistakes_a_minute,
    }[what]
    if not most:
        return
    count = await wiring.limits.count(what, place_of(request.client.host if request.client else ""))
    if count <= most:
        return
    if count == most + 1:  # once: a log is no place to be flooded either
        log.warning("too_many", what=what, path=request.url.path.split("/")[1])
    raise TooMany(SENTENCE)


def place_of(host: str) -> str:
    """One house: an IPv6 address without the half that its owner chooses.

    >>> place_of("2001:db8:1:2:3:4:5:6")
    '2001:db8:1:2::/64'
    """
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
