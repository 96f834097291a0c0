"""Holds, debits, unwinds, grants and batches over the wire."""

from datetime import timedelta
from typing import Any

import pytest

from ledger import freezes
from tests.internal.conftest import Home, code, done


def test_a_hold_is_placed_started_and_captured_in_part(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)

    hold = done(api.hold(agent_id, 10, idempotency_key="h"))
    started = done(api.post(f"holds/{hold['hold_id']}/start", {"agent_id": agent_id}, key="s"))
    captured = done(
        api.post(f"holds/{hold['hold_id']}/capture", {"agent_id": agent_id, "credits": 3}, key="c")
    )

    assert hold["balance"] == {"version": 2, "posted": 100, "held": 10, "available": 90}
    assert (hold["operation"], hold["idempotency_key"], hold["job_id"]) == ("hold", "h", "job-1")
    assert started["hold_id"] == captured["hold_id"] == hold["hold_id"]
    assert (captured["credits"], captured["released"]) == (3, 7)
    assert api.balance(agent_id) == (97, 0)


def test_a_released_hold_is_free_again_and_closed(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    hold_id = done(api.hold(agent_id, 10))["hold_id"]

    done(api.post(f"holds/{hold_id}/release", {"agent_id": agent_id}, key="r"))
    late = api.post(f"holds/{hold_id}/capture", {"agent_id": agent_id}, key="c")

    assert (code(late), late["error"]["recovery"]["hold_state"]) == ("HOLD_CLOSED", "released")
    assert api.seen[-1].status_code == 409
    assert api.balance(agent_id) == (100, 0)


def test_a_debit_is_unwound_in_parts_and_no_further(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    done(api.debit(agent_id, 10, idempotency_key="d"))

    part = done(api.post("unwinds", {"agent_id": agent_id, "spend_key": "d", "credits": 4}, key="u"))
    more = api.post("unwinds", {"agent_id": agent_id, "spend_key": "d", "credits": 7}, key="u2")

    assert part["credits"] == 4
    assert (code(more), more["error"]["recovery"]["left_credits"]) == ("SPEND_EXCEEDED", 6)
    assert api.balance(agent_id) == (94, 0)


def test_a_granted_credit_is_promotional(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=10)

    done(api.post("grants", {"agent_id": agent_id, "credits": 7}, key="g"))

    free = done(api.get(f"agents/{agent_id}/balance"))["free"]
    assert free == {"promotional": 7, "bought": 10}


def test_the_same_key_is_answered_the_same_and_done_once(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    body = {"agent_id": agent_id, "credits": 5, "job_id": "j", "timeout_seconds": 60}

    first = api.post("holds", body, key="k")
    home.clock.now += timedelta(seconds=5)
    again = api.post("holds", body, key="k")

    assert first == again
    assert [seen.headers.get("idempotent-replayed") for seen in api.seen] == [None, "true"]
    assert api.balance(agent_id) == (100, 5)


def test_a_refusal_is_kept_under_its_key_too(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=3)
    first = api.debit(agent_id, 5, idempotency_key="k")
    done(api.post("grants", {"agent_id": agent_id, "credits": 50}, key="g"))

    again = api.debit(agent_id, 5, idempotency_key="k")

    assert (code(first), api.seen[0].status_code) == ("INSUFFICIENT_CREDITS", 402)
    assert again["error"] == first["error"]
    assert again["error"]["recovery"]["available_credits"] == 3
    assert again["error"]["recovery"]["top_up"]["commands"]["quote"].startswith("pennyrail credits quote ")
    assert api.seen[-1].headers["idempotent-replayed"] == "true"


def test_another_request_under_the_same_key_is_a_conflict(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    done(api.debit(agent_id, 5, idempotency_key="k"))

    other = api.debit(agent_id, 6, idempotency_key="k")

    assert (code(other), api.seen[-1].status_code) == ("IDEMPOTENCY_CONFLICT", 409)
    assert api.balance(agent_id) == (95, 0)


def test_two_services_never_share_a_key(home: Home) -> None:
    api, batch, agent_id = home.service("api"), home.service("batch"), home.agent(bought=100)

    first, second = (
        done(api.debit(agent_id, idempotency_key="k")),
        done(batch.debit(agent_id, idempotency_key="k")),
    )

    assert first["transaction_id"] != second["transaction_id"]
    assert code(home.service("other").get("outcomes/k")) == "OUTCOME_NOT_FOUND"


def test_a_spend_can_be_made_to_depend_on_the_balance(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=10)

    stale = api.debit(agent_id, 5, expect_version=7)
    poor = api.hold(agent_id, 5, minimum_left=6)
    right = api.debit(agent_id, 5, expect_version=1, minimum_left=5)

    assert (code(stale), stale["error"]["recovery"]["version"]) == ("BALANCE_VERSION_MISMATCH", 1)
    assert code(poor) == "INSUFFICIENT_CREDITS"
    assert done(right)["balance"]["available"] == 5


def test_a_frozen_agent_spends_nothing_new_and_settles_what_stands(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    held = done(api.hold(agent_id, 10))["hold_id"]
    with home.sessions() as session:
        freezes.freeze(
            session, agent_id=agent_id, reference="hand:1", reason="thief", frozen_by="ops", now=home.clock()
        )

    wanted = {"idempotency_key": "d", "agent_id": agent_id, "credits": 1, "job_id": "j", "timeout_seconds": 9}
    refused = [api.hold(agent_id), api.debit(agent_id), api.post("holds", wanted, dry=True)]
    captured = api.post(f"holds/{held}/capture", {"agent_id": agent_id, "credits": 4}, key="c")

    assert [code(each) for each in refused] == ["AGENT_FROZEN"] * 3
    assert done(captured)["released"] == 6


def test_an_agent_without_credits_is_not_an_agent_that_nobody_knows(home: Home) -> None:
    api, agent_id = home.service(), home.agent()

    poor = [api.hold(agent_id), api.debit(agent_id)]
    nobody = [api.hold("agt_nobody"), api.debit("agt_nobody"), api.get("agents/agt_nobody/balance")]
    granted = api.post("grants", {"agent_id": "agt_nobody", "credits": 5}, key="g")

    assert [code(each) for each in poor] == ["INSUFFICIENT_CREDITS"] * 2
    assert [code(each) for each in (*nobody, granted)] == ["AGENT_NOT_FOUND"] * 4
    assert api.balance(agent_id) == (0, 0)


def test_the_hold_of_another_agent_is_not_found(home: Home) -> None:
    api, owner, other = home.service(), home.agent(bought=10), home.agent(bought=10)
    hold_id = done(api.hold(owner))["hold_id"]
    poor = home.agent()

    for what in ("start", "capture", "release"):
        for thief in (other, poor):
            reply = api.post(f"holds/{hold_id}/{what}", {"agent_id": thief}, key=f"{what}{thief}")
            assert (code(reply), api.seen[-1].status_code) == ("HOLD_NOT_FOUND", 404)

    assert api.balance(owner) == (10, 5)


def test_a_hold_out_of_time_is_let_go_or_charged_by_its_phase(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    waiting = done(api.hold(agent_id, 10))["hold_id"]
    running = done(api.hold(agent_id, 20))["hold_id"]
    done(api.post(f"holds/{running}/start", {"agent_id": agent_id}, key="s"))
    home.clock.now += timedelta(minutes=2)

    late = api.post(f"holds/{waiting}/capture", {"agent_id": agent_id}, key="c")
    taken = api.post(f"holds/{running}/capture", {"agent_id": agent_id, "credits": 5}, key="c2")

    assert code(late) == "HOLD_EXPIRED"
    assert done(taken)["operation"] == "capture"
    assert api.balance(agent_id) == (95, 0)


def test_a_late_capture_is_told_as_one_in_time(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    hold_ids = [done(api.hold(agent_id, 20, in_flight=True))["hold_id"] for _ in range(3)]
    in_time = {"agent_id": agent_id, "credits": 5}
    first = done(api.post(f"holds/{hold_ids[0]}/capture", in_time, key="in-time"))
    home.clock.now += timedelta(minutes=2)

    late = done(api.post(f"holds/{hold_ids[1]}/capture", in_time, key="late"))
    wish = {"operation": "capture", "hold_id": hold_ids[2], "idempotency_key": "batch", **in_time}
    [batched] = done(api.post("batch", {"operations": [wish]}))["results"]

    outcomes = [done(api.get(f"outcomes/{key}")) for key in ("in-time", "late", "batch")]
    for told in (first, late, batched["data"], *outcomes):
        assert (told["credits"], told["released"]) == (5, 15)
    assert api.balance(agent_id) == (85, 0)


def test_a_release_after_the_charge_gives_all_of_it_back_and_spends_nothing(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    hold_id = done(api.hold(agent_id, 20, in_flight=True))["hold_id"]
    home.clock.now += timedelta(minutes=2)
    assert api.balance(agent_id) == (80, 0)

    told = done(api.post(f"holds/{hold_id}/release", {"agent_id": agent_id}, key="failed"))

    assert (told["credits"], told["released"]) == (0, 20)
    assert (done(api.get("outcomes/failed"))["credits"], api.balance(agent_id)) == (0, (100, 0))


def test_who_starts_a_hold_that_was_charged_is_told_what_to_do(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    hold_id = done(api.hold(agent_id, 20, in_flight=True))["hold_id"]
    home.clock.now += timedelta(minutes=2)

    error = api.post(f"holds/{hold_id}/start", {"agent_id": agent_id}, key="s")["error"]

    assert "charged in full; capture it with what the job took" in error["message"]
    assert (error["recovery"]["hold_state"], error["recovery"]["next"]) == ("charged", ["capture", "release"])


def test_more_than_the_hold_is_refused(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    hold_id = done(api.hold(agent_id, 10))["hold_id"]

    reply = api.post(f"holds/{hold_id}/capture", {"agent_id": agent_id, "credits": 11}, key="c")

    assert (code(reply), reply["error"]["recovery"]["hold_credits"]) == ("HOLD_EXCEEDED", 10)
    assert api.balance(agent_id) == (100, 10)


def test_a_batch_answers_each_operation_by_itself(home: Home) -> None:
    api, agent_id, poor = home.service(), home.agent(bought=10), home.agent()
    wishes: list[dict[str, Any]] = [
        {"operation": "debit", "agent_id": agent_id, "credits": 4, "job_id": "a", "idempotency_key": "1"},
        {"operation": "debit", "agent_id": agent_id, "credits": 40, "job_id": "b", "idempotency_key": "2"},
        {"operation": "grant", "agent_id": poor, "credits": 3, "idempotency_key": "3"},
        {"operation": "grant", "agent_id": "agt_nobody", "credits": 3, "idempotency_key": "4"},
        {"operation": "debit", "agent_id": poor, "credits": 3, "job_id": "c", "idempotency_key": "5"},
        {"operation": "unwind", "agent_id": agent_id, "spend_key": "1", "idempotency_key": "6"},
    ]

    results = done(api.post("batch", {"operations": wishes}))["results"]

    assert [each["status"] for each in results] == [200, 402, 200, 404, 200, 200]
    assert results[3]["error"]["code"] == "AGENT_NOT_FOUND"
    assert (api.balance(agent_id), api.balance(poor)) == ((10, 0), (0, 0))


def test_a_batch_told_again_is_answered_the_same(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=10)
    wish = {"operation": "debit", "agent_id": agent_id, "credits": 4, "job_id": "a", "idempotency_key": "1"}

    first, again = (api.post("batch", {"operations": [wish]}) for _ in range(2))

    assert first == again
    assert api.seen[-1].headers["idempotent-replayed"] == "true"
    assert api.balance(agent_id) == (6, 0)


@pytest.mark.parametrize("path", ["holds", "debits"])
def test_a_dry_run_tells_which_lots_would_burn_and_changes_nothing(home: Home, path: str) -> None:
    api, agent_id = home.service(), home.agent(promotional=3, bought=10)
    before = api.get(f"agents/{agent_id}/balance")
    body = {"agent_id": agent_id, "credits": 5, "job_id": "a"}
    body |= {"timeout_seconds": 5} if path == "holds" else {}

    tried = done(api.post(path, body, dry=True))
    refused = api.post(path, {**body, "credits": 14}, dry=True)

    lots = {lot["lot_id"]: lot["promotional"] for lot in done(before)["lots"]}
    assert [(lots[each["lot_id"]], each["credits"]) for each in tried["lots"]] == [(True, 3), (False, 2)]
    assert (tried["dry_run"], tried["balance"]["available"]) == (True, 8)
    assert code(refused) == "INSUFFICIENT_CREDITS"
    assert api.get(f"agents/{agent_id}/balance") == before


def test_a_batch_can_be_tried(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=10)
    wishes = [
        {"operation": "debit", "agent_id": agent_id, "credits": 6, "job_id": "a", "idempotency_key": key}
        for key in ("1", "2")
    ]

    results = done(api.post("batch", {"operations": wishes}, dry=True))["results"]

    assert [each["status"] for each in results] == [200, 402]
    assert api.balance(agent_id) == (10, 0)
    assert code(api.get("outcomes/1")) == "OUTCOME_NOT_FOUND"


def test_an_outcome_is_read_by_its_key(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=10)
    hold = done(api.hold(agent_id, 4, idempotency_key="run/7:a"))
    api.debit(agent_id, 40, idempotency_key="poor")

    found, refused = done(api.get("outcomes/run/7:a")), done(api.get("outcomes/poor"))

    assert (found["operation"], found["hold_id"], found["outcome"]) == ("hold", hold["hold_id"], "done")
    assert (found["balance"], found["credits"]) == (hold["balance"], 4)
    assert (refused["outcome"], refused["done"], refused["hold_id"]) == ("not_enough", False, None)


def test_the_balance_shows_holds_and_lots_at_one_version(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)
    hold = done(api.hold(agent_id, 10))

    data = done(api.get(f"agents/{agent_id}/balance"))

    assert data["balance"] == {"version": 2, "posted": 100, "held": 10, "available": 90}
    assert data["holds"] == [
        {
            "hold_id": hold["hold_id"],
            "job_id": "job-1",
            "credits": 10,
            "in_flight": False,
            "expires_at": "2026-11-20T12:01:00.000Z",
        }
    ]
    assert [(lot["credits"], lot["held"], lot["paid_cents"]) for lot in data["lots"]] == [(100, 10, 100)]
