"""What a stranger on the network finds: nothing that is not meant for it, and no door by a side way."""

import gzip
import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.app.conftest import Doors
from tests.internal.conftest import Home, home

__all__ = ["home"]


@pytest.mark.parametrize(
    "path", ["/metrics", "/docs", "/redoc", "/debug", "/.env", "/.git/config", "/server-status"]
)
def test_what_is_for_the_house_is_not_served(doors: Doors, path: str) -> None:
    assert doors.http.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//internal/v1/holds",
            "/internal/../internal/v1/holds",
            "/%69nternal/v1/holds",
            "/internal%2fv1/holds",
        ),
        *("/internal/v1/holds/", "/v1/../internal/v1/holds", "/internal/v1/holds;x=1", "/INTERNAL/v1/holds"),
    ],
)
def test_no_spelling_of_a_path_goes_around_the_token(home: Home, path: str) -> None:
    answer = exchange(
        home.url, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    )

    assert answer.split(b" ", 2)[1] in (b"401", b"404")


def test_what_says_how_much_is_missing_is_kept_by_nobody(home: Home) -> None:
    service = home.service()
    reply = home.http.post(
        "/internal/v1/debits",
        json={"agent_id": home.agent(), "credits": 5, "job_id": "j", "idempotency_key": "k"},
        headers=service.headers,
    )

    assert (reply.status_code, reply.headers["cache-control"]) == (402, "no-store")


@pytest.mark.parametrize(
    "path", ["/v1/receipts/rct_1", "/v1/quota", "/v1/activity", "/v1/credit-purchases/status"]
)
def test_what_is_an_agents_own_is_kept_by_no_cache(doors: Doors, path: str) -> None:
    agent = doors.agent()

    reply = doors.http.get(path, headers={"authorization": f"Bearer {agent.token}"})

    assert reply.headers["cache-control"] in ("no-store", "private, no-cache", "private, no-store")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "0\r\n\r\nGET /v1/quota HTTP/1.1\r\nHost: x\r\n\r\n",
        ),
        ("Content-Length: 5\r\nContent-Length: 6", "{}GET "),
        ("Content-Length: +2", "{}"),
        ("Content-Length: -1", ""),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "zz\r\n\r\n"),
        ("X-A: b\r\n folded: c\r\nContent-Length: 2", "{}"),
        ("X A: b\r\nContent-Length: 2", "{}"),
        ("X-A: " + "b" * 100_000, ""),
    ],
)
def test_a_request_of_two_meanings_is_one_request_or_none(doors: Doors, head: str, body: str) -> None:
    answer = exchange(
        doors.url, f"POST /v1/credit-quotes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n\r\n{body}"
    )

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b" 500 " not in answer
    assert b"200 OK" not in answer


def test_a_packed_body_is_not_unpacked(doors: Doors) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)

    reply = doors.http.post(
        "/v1/credit-quotes",
        content=bomb,
        headers={
            "authorization": f"Bearer {doors.agent().token}",
            "content-encoding": "gzip",
            "content-type": "application/json",
        },
    )

    assert reply.status_code in (400, 413)


def exchange(url: str, request: str) -> bytes:
    """Everything that comes back for these bytes, until the other side is done."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as wire:
        wire.sendall(request.encode("latin-1"))
        pieces = []
        while piece := wire.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


TOLD_OF_THE_QUEUE = """
from workers.queue import celery
conf, connection = celery.conf, celery.connection()
print(conf.accept_content, conf.task_serializer, conf.result_backend, connection.transport_cls)
print(connection.ssl)
"""


def test_the_queue_reads_nothing_but_json_and_speaks_tls_where_it_is_told_to() -> None:
    given = {"PATH": os.environ["PATH"], "REDIS_URL": "rediss://acl-user:a-password@127.0.0.1:6379/0"}

    done = subprocess.run(
        [sys.executable, "-c", TOLD_OF_THE_QUEUE], env=given, capture_output=True, text=True, timeout=120
    )

    told, secured = done.stdout.splitlines()
    assert told == "['json'] json None rediss", done.stderr
    # By itself the library would take any certificate.
    assert "CERT_REQUIRED" in secured
