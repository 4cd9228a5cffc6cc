"""HTTP to an address that somebody typed: never into our own network, never far from where it was told to go.

The name is resolved here and the connection made to that very address, so that a name which answers differently
the second time leads nowhere else.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import httpx2

from gateway.errors import CalendarAway, CalendarRefused

_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


# Where a cloud tells its machines their own secrets, though these look like addresses of anybody.
_METADATA = {ipaddress.ip_address(a) for a in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")}
_NEVER = [ipaddress.ip_network(net) for net in ("192.0.0.0/24", "fec0::/10")]
_CARRIES_IPV4 = [ipaddress.ip_network(net) for net in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")]

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class GuardedTransport(httpx2.AsyncBaseTransport):
    """https to public addresses. `private`: also into private networks, and http to this very machine.

    Never, even then, where a machine asks the cloud that it runs in for secrets.
    """

    def __init__(self, private: bool = False) -> None:
        self._private = private
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        failure: httpx2.ConnectError | None = None
        for address in await self._addresses(url):
            request.url = url.copy_with(host=str(address))
            request.extensions = {**request.extensions, "sni_hostname": url.host}
            try:
                return await self._inner.handle_async_request(request)
            except httpx2.ConnectError as unreached:
                failure = unreached
            finally:
                request.url = url
        raise failure or httpx2.ConnectError("no address")

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _addresses(self, url: httpx2.URL) -> Sequence[str]:
        """Where this name leads, all of it allowed. Raises CalendarRefused, CalendarAway."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                url.host, url.port or 443, type=socket.SOCK_STREAM
            )
        except socket.gaierror as failure:
            if failure.errno in _UNKNOWN:
                raise CalendarRefused("no such server") from None
            raise CalendarAway("name not resolved") from None
        except UnicodeError:
            raise CalendarRefused("no such server") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        ips = [_ip(address) for address in addresses]
        if any(_is_nobodys(ip) or not (self._private or ip.is_global) for ip in ips):
            raise CalendarRefused("private address")
        if url.scheme != "https" and not (url.scheme == "http" and all(ip.is_loopback for ip in ips)):
            raise CalendarRefused("not https")
        return addresses


def _ip(address: str) -> IP:
    """`::ffff:127.0.0.1` is what it leads to, and so are the other ways to write an IPv4 address in six."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address) or ip.is_loopback or ip.is_unspecified:
        return ip
    if any(ip in net for net in _CARRIES_IPV4):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def _is_nobodys(ip: IP) -> bool:
    """No calendar of anybody's is there."""
    odd = ip.is_link_local or ip.is_multicast or ip.is_unspecified
    return odd or ip in _METADATA or any(ip in net for net in _NEVER if net.version == ip.version)
