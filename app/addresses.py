"""Where a request comes from, as far as anybody can know: a proxy that is not ours may say what it likes."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.requests import Request

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
UNKNOWN: Final = "unknown"
# What one customer of a provider is given: whoever has one address of it has them all.
_IPV6_PREFIX: Final = 64


def of(request: Request, *, proxies: Sequence[Network]) -> str:
    """The client's address, an IPv6 one by its /64. Only what `proxies` put into X-Forwarded-For counts."""
    client = _address(request.client.host) if request.client is not None else None
    if client is None:
        return UNKNOWN
    if _is_ours(client, proxies):
        for hop in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
            told = _address(hop.strip())
            if told is None:
                break
            client = told
            if not _is_ours(told, proxies):
                break
    if isinstance(client, IPv6Address):
        return str(IPv6Network((client, _IPV6_PREFIX), strict=False))
    return str(client)


def networks(given: str) -> tuple[Network, ...]:
    """Networks, separated by commas; an address alone is a network of one.

    raises: ValueError
    """
    return tuple(ip_network(each.strip()) for each in given.split(",") if each.strip())


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _is_ours(address: Address, proxies: Sequence[Network]) -> bool:
    return any(address in network for network in proxies)
