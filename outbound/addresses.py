"""Where a webhook may go: which URLs, and which addresses a name may lead to."""

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from outbound.errors import ForbiddenAddress, ForbiddenUrl, NotResolved

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a name, as text."""

LONGEST_URL: Final = 2048
MOST_ADDRESSES: Final = 4

# source: the IANA special-purpose address registries; 168.63.129.16 is the metadata server of a cloud.
_NO_V4: Final = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
)
# Only global unicast at all, and of it nothing that leads on to an IPv4 address or is for special use.
# IPv4-mapped and NAT64 addresses are outside of it.
_V6: Final = ipaddress.IPv6Network("2000::/3")
_NO_V6: Final = tuple(
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is allowed. `loopback` is for a sandbox: this machine too, without TLS, at any port."""

    ports: Collection[int] = (443, 8443)
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that an endpoint may have, in the parts that a connection needs."""

    url: str
    host: str
    port: int
    secure: bool


def target(url: str, rules: Rules) -> Target:
    """The parts of a URL that an endpoint may have. No name is looked up.

    raises: ForbiddenUrl
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ForbiddenUrl(f"a URL has at most {LONGEST_URL} characters, all of them visible ASCII")
    parts, port = _parts(url)
    if "@" in parts.netloc:
        raise ForbiddenUrl("a URL holds no user and no password")
    if parts.fragment or not parts.hostname:
        raise ForbiddenUrl("a URL has a host, and no fragment")
    secure = parts.scheme == "https"
    if not secure and not (rules.loopback and parts.scheme == "http"):
        raise ForbiddenUrl("a URL begins with https://")
    port = port if port is not None else 443 if secure else 80
    if port not in rules.ports and not rules.loopback:
        raise ForbiddenUrl(f"a URL has one of the ports {', '.join(map(str, sorted(rules.ports)))}")
    return Target(url, parts.hostname, port, secure)


def _parts(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        raise ForbiddenUrl("this is not a URL") from None


def allowed(found: Sequence[str], rules: Rules, *, secure: bool) -> list[str]:
    """The addresses to try, of those that a name has now.

    One that is forbidden forbids them all: a good name has none, and a bad one must not hope for the next
    look.

    raises: ForbiddenAddress, NotResolved
    """
    if not found:
        raise NotResolved("the name has no address")
    for each in found:
        if not _may_be_sent_to(each, rules, secure=secure):
            raise ForbiddenAddress("the name leads to an address that nothing is sent to")
    return list(dict.fromkeys(found))[:MOST_ADDRESSES]


def is_public(address: Address) -> bool:
    """Whether anybody in the world reaches the same machine at this address."""
    match address:
        case ipaddress.IPv4Address():
            return not any(address in network for network in _NO_V4)
        case ipaddress.IPv6Address():
            return address in _V6 and not any(address in network for network in _NO_V6)


def _may_be_sent_to(found: str, rules: Rules, *, secure: bool) -> bool:
    address = ipaddress.ip_address(found)
    if rules.loopback and address.is_loopback:
        return True
    # Plain http is for this machine alone.
    return secure and is_public(address)


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as this machine's resolver says now.

    raises: NotResolved
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotResolved("the name has no address") from None
    return [str(each[4][0]) for each in found]
