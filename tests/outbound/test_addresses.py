"""Where a webhook may go: the table of what is refused."""

import pytest

from outbound import addresses
from outbound.addresses import Rules
from outbound.errors import ForbiddenAddress, ForbiddenUrl, NotResolved

FORBIDDEN = [
    *("0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8"),  # noqa: S104
    *("169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7"),
    *("203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0"),
    *("fec0::1", "ff02::1", "3fff::1", "5f00::1"),
]
PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]
STRICT = Rules()
SANDBOX = Rules(loopback=True)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_everybodys_is_refused(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        addresses.allowed([address], STRICT, secure=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address: str) -> None:
    assert addresses.allowed([address], STRICT, secure=True) == [address]


@pytest.mark.parametrize(
    "address", [each for each in FORBIDDEN if each not in ("127.0.0.1", "127.8.8.8", "::1")]
)
def test_a_sandbox_may_reach_this_machine_and_nothing_else_of_them(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        addresses.allowed([address], SANDBOX, secure=True)


def test_one_forbidden_address_among_good_ones_forbids_the_name() -> None:
    with pytest.raises(ForbiddenAddress):
        addresses.allowed(["93.184.216.34", "10.0.0.1"], STRICT, secure=True)
    with pytest.raises(NotResolved):
        addresses.allowed([], STRICT, secure=True)


def test_plain_http_goes_to_this_machine_alone() -> None:
    with pytest.raises(ForbiddenAddress):
        addresses.allowed(["93.184.216.34"], SANDBOX, secure=False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "example.com", "//example.com"),
        *("https://user:pass@example.com/", "https://user@example.com/", "https://@example.com/", "https://"),
        *("https://example.com:22/", "https://example.com:99999/", "https://example.com:0x1/", "gopher://x/"),
        *("https://exa mple.com/", "https://example.com/\r\nX: y", "https://exämple.com/", "https:///x"),
        *(
            "https://example.com\\@10.0.0.1/",
            "https://example.com/#here",
            "https://[::1",
            "https://e.com/" + "a" * 2050,
        ),
    ],
)
def test_a_url_that_no_endpoint_may_have_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenUrl) as refusal:
        addresses.target(url, STRICT)

    assert "example" not in str(refusal.value)


def test_a_good_url_is_taken_apart() -> None:
    found = addresses.target("https://Hooks.example.com:8443/a?b=c", STRICT)

    assert (found.host, found.port) == ("hooks.example.com", 8443)
    assert addresses.target("https://hooks.example.com", STRICT).port == 443


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "0"])
def test_another_way_to_write_this_machine_is_seen_through(host: str) -> None:
    with pytest.raises(ForbiddenAddress):
        addresses.allowed(addresses.resolve(host, 443), STRICT, secure=True)
