"""What no door takes: a clear code, the field by name, and nothing changed."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlmodel import text

from tests.internal.conftest import Home, Service, code, done

BAD_AMOUNTS = [True, 1.0, "5", -1, 0, 2**63, 10**30, 1_000_000_001, [5], {"a": 1}]
BAD_TEXTS = [7, "", "a\x00b", "a\n", "x" * 256, True, ["a"]]
HOLD = "hold_" + "0" * 24

BODIES: Mapping[str, dict[str, Any]] = {
    "holds": {"credits": 5, "job_id": "j", "timeout_seconds": 60},
    "debits": {"credits": 5, "job_id": "j"},
    "grants": {"credits": 5},
    "unwinds": {"spend_key": "spent", "credits": 5},
    f"holds/{HOLD}/start": {},
    f"holds/{HOLD}/capture": {"credits": 5},
    f"holds/{HOLD}/release": {},
}
BAD_FIELDS = [
    *((path, "credits", bad) for path, body in BODIES.items() if "credits" in body for bad in BAD_AMOUNTS),
    *((path, "agent_id", bad) for path in BODIES for bad in (*BAD_TEXTS, "agent:1", "a b")),
    *(
        (path, "idempotency_key", bad)
        for path in BODIES
        for bad in (7, "", "a b", "schlüssel", "x" * 201, "a\n")
    ),
    *((path, "job_id", bad) for path in ("holds", "debits") for bad in BAD_TEXTS),
    *((path, "expect_version", bad) for path in ("holds", "debits") for bad in (-1, 2**63, 1.5, "1", True)),
    *((path, "minimum_left", bad) for path in ("holds", "debits") for bad in (-1, 2**63, 1.5, "1", True)),
    *(("holds", "timeout_seconds", bad) for bad in (0, -1, 86_401, 2**63, 1.0, "60", True, None)),
    *(("holds", "in_flight", bad) for bad in (1, "true", None)),
    *(("unwinds", "spend_key", bad) for bad in (7, "", "a b", None)),
    *(("grants", "priority", bad) for bad in (-1, 1001, 1.0, "1")),
    *(("grants", "expires_at", bad) for bad in ("soon", "2027-01-01T00:00:00", 5)),
    *((f"holds/{HOLD}/start", "expires_at", bad) for bad in ("soon", "2027-01-01T00:00:00", 5)),
]


def everything(home: Home) -> Any:
    """All that the book holds."""
    tables = ("ledger_transaction", "entry", "balance", "lot", "lot_entry", "hold", "preview_day", "account")
    with home.sessions() as session:
        return [
            session.connection().execute(text(f"SELECT told::text FROM {name} AS told ORDER BY 1")).all()  # noqa: S608
            for name in tables
        ]


def refused(api: Service, path: str, body: object, field: str | None) -> None:
    """The request is refused for this field."""
    error = api.post(path, body)["error"]
    assert (error["code"], api.seen[-1].status_code) == ("INVALID_ARGUMENTS", 400)
    assert error["recovery"].get("fields") == ([field] if field else None), error
    assert field is None or field in error["message"]
    assert api.seen[-1].headers["x-image-skill-exit-code"] == "2"


def test_a_field_that_does_not_fit_is_named_and_nothing_is_changed(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    before = everything(home)

    for path, field, bad in BAD_FIELDS:
        body = {"agent_id": agent_id, "idempotency_key": "k", **BODIES[path], field: bad}
        refused(api, path, body, field)
        if "/" not in path:
            refused(api, "batch", {"operations": [{"operation": path[:-1], **body}]}, field)

    assert everything(home) == before


def test_a_field_that_is_missing_is_named(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    before = everything(home)

    for path, body in BODIES.items():
        whole = {"agent_id": agent_id, "idempotency_key": "k", **body}
        needed = set(whole) - ({"credits"} if path == "unwinds" or path.endswith("capture") else set())
        for field in needed:
            refused(api, path, {name: whole[name] for name in whole if name != field}, field)

    assert everything(home) == before


@pytest.mark.parametrize("raw", ["1e3", "NaN", "1.0", "-0.0", "Infinity", "0x5", "5,", "05"])
def test_a_number_that_json_could_spell_otherwise_is_refused(home: Home, raw: str) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    body = f'{{"agent_id": "{agent_id}", "idempotency_key": "k", "job_id": "j", "credits": {raw}}}'

    reply = api.read(
        home.http.post(
            "/internal/v1/debits",
            content=body,
            headers=api.headers | {"content-type": "application/json"},
        )
    )

    assert code(reply) == "INVALID_ARGUMENTS"
    assert api.balance(agent_id) == (100, 0)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"5", b"null", b"{", b"\xff", b'"x"', b'{"agent_id": "\\ud800"}', b"[" * 10_000]
)
def test_what_is_not_a_json_object_is_refused_at_every_door(home: Home, body: bytes) -> None:
    api = home.service()

    for path in (*BODIES, "batch", "tokens/introspect", "pricing"):
        reply = api.read(
            home.http.post(
                f"/internal/v1/{path}",
                content=body,
                headers=api.headers | {"content-type": "application/json"},
            )
        )
        assert code(reply) == "INVALID_ARGUMENTS", path


def test_fields_that_nobody_knows_are_refused_and_not_repeated(home: Home) -> None:
    api = home.service()

    for path, body in BODIES.items():
        error = api.post(path, {"agent_id": "a", "idempotency_key": "k", **body, "sk_live_1": 1})["error"]
        assert error["code"] == "INVALID_ARGUMENTS"
        assert "sk_live_1" not in api.seen[-1].text


def test_what_is_not_sent_as_json_or_too_long_is_refused(home: Home) -> None:
    api = home.service()

    form = home.http.post("/internal/v1/holds", data={"a": "b"}, headers=api.headers)
    long = home.http.post("/internal/v1/holds", json={"a": "b" * 200_000}, headers=api.headers)

    assert form.json()["error"]["code"] == "INVALID_ARGUMENTS"
    assert (long.status_code, long.json()["error"]["code"]) == (413, "REQUEST_TOO_LARGE")


def test_a_key_in_header_and_body_must_be_the_same(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)

    reply = api.post("debits", {"agent_id": agent_id, **BODIES["debits"], "idempotency_key": "a"}, key="b")

    assert code(reply) == "INVALID_ARGUMENTS"
    assert api.balance(agent_id) == (100, 0)


@pytest.mark.parametrize("query", ["dry_run=yes", "dry_run=1", "dry_run=true&dry_run=false", "dryrun=true"])
def test_a_dry_run_that_was_misspelled_is_not_done_for_real(home: Home, query: str) -> None:
    api, agent_id = home.service(), home.agent(bought=100)

    reply = api.post(f"debits?{query}", {"agent_id": agent_id, **BODIES["debits"], "idempotency_key": "a"})

    assert code(reply) == "INVALID_ARGUMENTS"
    assert api.balance(agent_id) == (100, 0)


@pytest.mark.parametrize("hold_id", ["hold_1", "HOLD_" + "0" * 24, "hold_" + "g" * 24, "%00", "a'b"])
def test_a_hold_id_that_cannot_be_one_is_refused(home: Home, hold_id: str) -> None:
    reply = home.service().post(f"holds/{hold_id}/capture", {"agent_id": "agt_1"}, key="k")

    assert code(reply) == "INVALID_ARGUMENTS"


def test_a_batch_is_one_to_a_hundred_operations_with_keys_and_kinds(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=1000)
    good = {"operation": "debit", "agent_id": agent_id, "credits": 1, "job_id": "j", "idempotency_key": "k"}
    bad: list[tuple[object, str | None]] = [
        ([], "operations"),
        ([good] * 101, "operations"),
        ("debit", "operations"),
        ([{**good, "operation": "refund"}], "operation"),
        ([{**good, "operation": 5}], "operation"),
        ([{name: good[name] for name in good if name != "operation"}], "operation"),
        ([good, {**good, "idempotency_key": None}], "idempotency_key"),
        ([{"operation": "capture", "agent_id": agent_id, "idempotency_key": "k"}], "hold_id"),
    ]

    for operations, field in bad:
        refused(api, "batch", {"operations": operations}, field)

    assert api.balance(agent_id) == (1000, 0)


def test_credits_that_would_expire_before_they_begin_are_refused(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=1)

    past = api.post(
        "grants", {"agent_id": agent_id, "credits": 5, "expires_at": "2020-01-01T00:00:00Z"}, key="k"
    )

    assert code(past) == "INVALID_ARGUMENTS"
    assert api.balance(agent_id) == (1, 0)


@pytest.mark.parametrize("agent_id", ["a%20b", "agent:1", "a%00b", "x" * 201])
def test_a_balance_of_what_cannot_be_an_agent_is_refused(home: Home, agent_id: str) -> None:
    assert code(home.service().get(f"agents/{agent_id}/balance")) == "INVALID_ARGUMENTS"


def test_unknown_paths_and_methods_have_their_codes(home: Home) -> None:
    api = home.service()

    assert code(api.get("nothing")) == "NOT_FOUND"
    assert code(api.get("holds")) == "METHOD_NOT_ALLOWED"
    assert code(api.get("outcomes/none")) == "OUTCOME_NOT_FOUND"
    assert code(api.get("outcomes/a%20b")) == "INVALID_ARGUMENTS"


def test_a_refusal_leaves_the_balance_as_it_was(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=3)
    hold = done(api.hold(agent_id, 2))
    before = done(api.get(f"agents/{agent_id}/balance"))

    for reply in (
        api.hold(agent_id, 2),
        api.debit(agent_id, 2),
        api.post(f"holds/{hold['hold_id']}/capture", {"agent_id": agent_id, "credits": 3}, key="c"),
        api.post("unwinds", {"agent_id": agent_id, "spend_key": "none"}, key="u"),
    ):
        assert not reply["ok"]

    assert done(api.get(f"agents/{agent_id}/balance")) == before
