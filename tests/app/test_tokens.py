"""What a token looks like, and how long it opens doors."""

import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from typer.testing import CliRunner

from app import agents, service_tokens, tokens
from app.cli import cli
from tests.app.conftest import Doors, ok

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECURITY = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
PUBLISHED = re.compile(SECURITY.partition("For secret scanners:\n\n```\n")[2].partition("\n```")[0])


@pytest.mark.parametrize("prefix", [agents.TOKEN_PREFIX, service_tokens.TOKEN_PREFIX])
def test_a_token_is_as_published_and_its_end_is_the_checksum_of_the_rest(prefix: str) -> None:
    token = tokens.make(prefix)

    body, checksum = token[:-6], token[-6:]
    value = 0
    for digit in checksum:
        value = 62 * value + BASE62.index(digit)
    assert PUBLISHED.fullmatch(token)
    assert value == zlib.crc32(body.encode())
    assert tokens.make(prefix) != token


@given(place=st.integers(min_value=0, max_value=54), letter=st.sampled_from(BASE62 + "-_ é"))
@settings(max_examples=300)
def test_a_token_with_one_wrong_letter_is_none(place: int, letter: str) -> None:
    token = tokens.make(agents.TOKEN_PREFIX)
    mistyped = token[:place] + letter + token[place + 1 :]

    found = agents.hashed(mistyped)

    assert (found is not None) is (mistyped == token)


@given(st.text())
def test_what_is_no_token_is_told_without_breaking(text: str) -> None:
    assert agents.hashed(text) is None
    assert agents.hashed(agents.TOKEN_PREFIX + text) is None


def test_a_token_of_one_kind_is_none_of_the_other() -> None:
    agents_token, services_token = (tokens.make(kind) for kind in ("isk_r_", "isk_svc_"))

    swapped = "isk_svc_" + agents_token.removeprefix("isk_r_")

    assert agents.hashed(services_token) is None
    assert service_tokens.hashed(agents_token) is None
    assert service_tokens.hashed(swapped) is None


def test_a_mistyped_token_is_refused_without_asking_the_database(doors: Doors, engine: Engine) -> None:
    token = str(doors.agent().token)
    mistyped = token[:-1] + ("A" if token[-1] != "A" else "B")
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    refused = [doors.visitor(each).get("/v1/whoami") for each in (mistyped, "isk_r_x", token[:-6])]
    before = len(asked)
    known = doors.visitor(token).get("/v1/whoami")

    assert [reply["error"]["code"] for reply in refused] == ["AUTH_REQUIRED"] * 3
    assert before == 0
    assert ok(known)["authenticated"] is True
    assert asked


def test_a_revoked_token_is_refused_at_the_next_request(doors: Doors) -> None:
    agent = doors.agent()
    agent_id = ok(agent.get("/v1/whoami"))["actor"]["actor_id"]

    with doors.sessions() as session:
        revoked = agents.revoke(session, agent_id=agent_id, now=doors.clock.now)

    assert revoked == 1
    assert agent.get("/v1/whoami")["error"]["code"] == "AUTH_REQUIRED"


def test_the_command_line_revokes_an_agents_token(
    doors: Doors, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    agent = doors.agent()
    agent_id = ok(agent.get("/v1/whoami"))["actor"]["actor_id"]
    run = CliRunner().invoke

    revoked = run(cli, ["agent-token", "revoke", agent_id])
    again = run(cli, ["agent-token", "revoke", agent_id])

    assert (revoked.exit_code, revoked.stdout, again.exit_code) == (0, "1 revoked\n", 1)
    assert agent.get("/v1/whoami")["error"]["code"] == "AUTH_REQUIRED"
