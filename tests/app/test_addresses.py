"""Whose word is believed on where a request comes from."""

import pytest
from pydantic import ValidationError
from starlette.requests import Request

from app import addresses
from app.settings import LimitSettings

PROXIES = addresses.networks("10.0.0.0/8, 2001:db8:ffff::/48")


def request(peer: str | None, *forwarded: str) -> Request:
    """A request from a peer."""
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    client = (peer, 1) if peer is not None else None
    return Request({"type": "http", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4", "198.51.100.1, 10.9.9.9"), "198.51.100.1"),
        ("10.0.0.1", ("not an address",), "10.0.0.1"),
        ("10.0.0.1", ("1.2.3.4, nonsense, 10.9.9.9",), "10.9.9.9"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("::ffff:203.0.113.9", (), "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        ("2001:db8:ffff::1", ("2001:db8:1:2:ffff::1",), "2001:db8:1:2::/64"),
        (None, (), "unknown"),
        ("testclient", (), "unknown"),
    ],
)
def test_only_our_own_proxies_are_believed(
    peer: str | None, forwarded: tuple[str, ...], expected: str
) -> None:
    assert addresses.of(request(peer, *forwarded), proxies=PROXIES) == expected


def test_a_proxy_that_is_no_network_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError):
        LimitSettings(trusted_proxies="10.0.0.0/8, everybody")
