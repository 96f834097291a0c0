"""One request: to the address that was judged, over TLS for the name, in bounded time."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from outbound import errors
from outbound.addresses import Rules
from outbound.post import MOST_ANSWER_BYTES, Post
from tests.outbound.conftest import LOOPBACK, Receiver, drip, receiving

NAME = "hooks.example.com"
PUBLIC = "93.184.216.34"


class Authority:
    """A certificate authority of this test alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._certificate("an authority", self.key.public_key(), authority=True)

    def server(self, *names: str, lasts: timedelta = timedelta(hours=1)) -> ssl.SSLContext:
        """The server's side of TLS, with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(names[0], key.public_key(), names=names, lasts=lasts)
        path = self.folder / f"{names[0]}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def client(self) -> ssl.SSLContext:
        """The client's side, which believes this authority alone."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        context = ssl.create_default_context(cadata=pem)
        # It believes the machine's own authorities too, unless it is told the one.
        assert len(context.get_ca_certs()) == 1
        return context

    def _certificate(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        *,
        names: tuple[str, ...] = (),
        authority: bool = False,
        lasts: timedelta = timedelta(hours=1),
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if authority:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        if names:
            alternatives = [x509.DNSName(each) for each in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self.key, hashes.SHA256())


class World:
    """A name service and a network of this test: public addresses lead to a server on this machine."""

    def __init__(self, port: int, *answers: str) -> None:
        self.port = port
        self.answers = list(answers)
        self.asked: list[str] = []
        self.dialled: list[str] = []

    def resolve(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return [self.answers.pop(0)] if len(self.answers) > 1 else [self.answers[0]]

    def dial(self, address: str, _port: int, timeout_seconds: float) -> socket.socket:
        ipaddress.ip_address(address)
        self.dialled.append(address)
        return socket.create_connection(("127.0.0.1", self.port), timeout_seconds)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[Receiver]:
    """A receiver with a certificate for NAME."""
    with receiving(authority.server(NAME)) as found:
        yield found


def port_of(receiver: Receiver) -> int:
    return int(receiver.url.rpartition(":")[2].partition("/")[0])


def post(world: World, authority: Authority, **changed: float) -> Post:
    """A post as in production, but for the world around it."""
    return Post(Rules(), resolve=world.resolve, dial=world.dial, tls=authority.client(), **changed)


def test_a_name_is_looked_up_once_and_exactly_that_address_is_connected_to(
    secure: Receiver, authority: Authority
) -> None:
    # The second answer of a name that is bound anew between looking and connecting.
    world = World(port_of(secure), PUBLIC, "127.0.0.1")

    answer = post(world, authority).send(f"https://{NAME}/in", headers={"x-a": "b"}, body="{}")

    assert (answer.status, world.asked, world.dialled) == (204, [NAME], [PUBLIC])
    assert (secure.messages[0].headers["host"], secure.messages[0].body) == (NAME, b"{}")


def test_a_url_in_capitals_is_the_same_url(secure: Receiver, authority: Authority) -> None:
    world = World(port_of(secure), PUBLIC)

    answer = post(world, authority).send(f"HTTPS://{NAME.upper()}/In", headers={}, body="{}")

    assert (answer.status, world.dialled) == (204, [PUBLIC])


def test_the_address_is_judged_again_at_every_send(secure: Receiver, authority: Authority) -> None:
    world = World(port_of(secure), PUBLIC, "169.254.169.254")
    sending = post(world, authority)

    sending.send(f"https://{NAME}/", headers={}, body="{}")
    with pytest.raises(errors.ForbiddenAddress):
        sending.send(f"https://{NAME}/", headers={}, body="{}")

    assert (world.dialled, len(secure.messages)) == ([PUBLIC], 1)


@pytest.mark.parametrize("names", [("other.example.com",), ("93.184.216.34",)])
def test_a_certificate_for_another_name_is_refused(authority: Authority, names: tuple[str, ...]) -> None:
    with receiving(authority.server(*names)) as receiver:
        world = World(port_of(receiver), PUBLIC)
        with pytest.raises(errors.BadTls):
            post(world, authority).send(f"https://{NAME}/", headers={}, body="{}")

    assert receiver.messages == []


def test_a_certificate_that_is_over_or_of_another_authority_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    for server in (authority.server(NAME, lasts=-timedelta(hours=1)), stranger.server(NAME)):
        with receiving(server) as receiver, pytest.raises(errors.BadTls):
            post(World(port_of(receiver), PUBLIC), authority).send(f"https://{NAME}/", headers={}, body="{}")
        assert receiver.messages == []


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with receiving() as inside:
        receiver.status, receiver.headers = 302, {"location": inside.url}

        answer = Post(LOOPBACK).send(receiver.url, headers={}, body="{}")

    assert (answer.status, inside.messages) == (302, [])


def test_who_drips_is_given_up_in_time(receiver: Receiver) -> None:
    def slow(request: BaseHTTPRequestHandler) -> None:
        drip(request)

    receiver.before = slow
    began = time.monotonic()

    with pytest.raises(errors.TimedOut):
        Post(LOOPBACK, timeout_seconds=0.5).send(receiver.url, headers={}, body="{}")

    assert time.monotonic() - began < 1.5


def test_who_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        began = time.monotonic()
        with pytest.raises(errors.TimedOut):
            Post(LOOPBACK, timeout_seconds=0.5).send(url, headers={}, body="{}")

    assert time.monotonic() - began < 1.5


def test_of_a_long_answer_the_beginning_is_read(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 200, b"x" * 5_000_000

    answer = Post(LOOPBACK).send(receiver.url, headers={}, body="{}")

    assert (answer.status, answer.body) == (200, b"x" * MOST_ANSWER_BYTES)


def test_an_answer_whose_body_never_ends_counts_by_its_status(receiver: Receiver) -> None:
    def promise_more(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nok")
        request.wfile.flush()
        time.sleep(2)

    receiver.before = promise_more

    answer = Post(LOOPBACK, timeout_seconds=0.5).send(receiver.url, headers={}, body="{}")

    assert (answer.status, answer.body) == (200, b"ok")


def test_what_is_not_http_is_told_as_such(receiver: Receiver) -> None:
    receiver.before = lambda request: request.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")

    with pytest.raises(errors.BadAnswer):
        Post(LOOPBACK).send(receiver.url, headers={}, body="{}")


def test_nobody_at_home_and_no_such_name_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(errors.NotConnected):
        Post(LOOPBACK).send(f"http://127.0.0.1:{port}/", headers={}, body="{}")

    def nowhere(host: str, port: int) -> list[str]:
        raise errors.NotResolved(f"{host}:{port}")

    with pytest.raises(errors.NotResolved):
        Post(Rules(), resolve=nowhere).send(f"https://{NAME}/", headers={}, body="{}")


def test_a_name_with_two_addresses_is_tried_at_both(secure: Receiver, authority: Authority) -> None:
    world = World(port_of(secure), PUBLIC)

    def dial(address: str, port: int, timeout_seconds: float) -> socket.socket:
        if address.startswith("2606"):
            raise OSError("no route")
        return world.dial(address, port, timeout_seconds)

    sending = Post(Rules(), resolve=lambda *_: ["2606:4700::1", PUBLIC], dial=dial, tls=authority.client())

    assert sending.send(f"https://{NAME}/", headers={}, body="{}").status == 204
