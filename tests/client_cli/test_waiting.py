"""Waiting for a purchase while everything between the agent and the service breaks."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.app.conftest import Doors
from tests.client_cli.conftest import Json, Shell
from tests.scripted import Script, scripted

STATUS = "/v1/credit-purchases/status"


def purchase(state: str, *, terminal: bool | None = None, seconds: int = 0) -> Json:
    step = {"message": f"it is {state}", "retry_after_seconds": seconds}
    data: Json = {"state": state, "next": step}
    return envelope(data | ({} if terminal is None else {"terminal": terminal}))


def envelope(data: Json | None, error: Json | None = None) -> Json:
    return {
        "ok": error is None,
        "command": "pennyrail credits status",
        "trace_id": "trace_0123456789abcdef",
        "actor": None,
        "data": data,
        "warnings": [],
        "error": error,
    }


DONE = purchase("succeeded", terminal=True)
REFUSED = envelope(None, {"code": "INVALID_ARGUMENTS", "message": "wait", "retryable": False, "recovery": {}})


@pytest.mark.parametrize(
    "trouble",
    [
        (0, "", {}),
        (500, "<html>", {}),
        (503, REFUSED, {"retry-after": "0"}),
        (429, REFUSED, {"retry-after": "0"}),
    ],
    ids=["hangs up", "a page of a proxy", "not ready", "too many"],
)
def test_trouble_on_the_way_is_waited_out(
    alone: Shell, trouble: tuple[int, Json | str, dict[str, str]]
) -> None:
    with scripted(Script([trouble, (200, purchase("processing"), {}), trouble, (200, DONE, {})])) as script:
        done = alone.elsewhere(script.url).run("credits", "wait", "payatt_1", "--token", "isk_r_x")

    assert done.exit_code == 0
    assert done.envelope == DONE
    assert len(script.asked) == 4


def test_a_held_request_carries_the_etag_and_nothing_new_costs_no_second_look(alone: Shell) -> None:
    answers: list[tuple[int, Json | str, dict[str, str]]] = [
        (200, purchase("processing", terminal=False, seconds=1), {"etag": '"1"', "retry-after": "1"}),
        (304, "", {"etag": '"1"', "retry-after": "1"}),
        (200, DONE, {"etag": '"2"'}),
    ]
    with scripted(Script(answers)) as script:
        done = alone.elsewhere(script.url).run("credits", "wait", "payatt_1", "--token", "isk_r_x")

    paths = [path for path, _ in script.asked]
    assert done.exit_code == 0
    look = f"{STATUS}?payment_attempt_id=payatt_1"
    assert paths == [look, f"{look}&wait=20", f"{look}&wait=20"]
    assert [headers.get("if-none-match") for _, headers in script.asked] == [None, '"1"', '"1"']
    assert script.asked[0][1]["authorization"] == "Bearer isk_r_x"


def test_a_service_that_holds_no_request_is_asked_at_the_pace_it_names(alone: Shell) -> None:
    def answers() -> list[tuple[int, Json | str, dict[str, str]]]:
        slow = purchase("processing", seconds=1)
        return [(200, slow, {}), (400, REFUSED, {}), (200, slow, {}), (200, DONE, {})]

    begun = time.monotonic()
    with scripted(Script(answers())) as script:
        done = alone.elsewhere(script.url).run("credits", "wait", "payatt_1", "--token", "isk_r_x")

    assert done.exit_code == 0
    assert ["wait=" in path for path, _ in script.asked] == [False, True, False, False]
    assert 2 <= time.monotonic() - begun < 10


@pytest.mark.parametrize("state", ["expired", "failed", "canceled"])
def test_an_end_that_is_no_success_is_told_as_it_is_with_exit_code_1(alone: Shell, state: str) -> None:
    ended = purchase(state, terminal=True)
    with scripted(Script([(200, ended, {})])) as script:
        done = alone.elsewhere(script.url).run("credits", "wait", "payatt_1", "--token", "isk_r_x")

    assert (done.exit_code, done.envelope) == (1, ended)


def test_what_is_expired_and_not_at_its_end_is_waited_for(alone: Shell) -> None:
    late = purchase("expired", terminal=False)
    with scripted(Script([(200, late, {}), (200, DONE, {})])) as script:
        done = alone.elsewhere(script.url).run("credits", "wait", "payatt_1", "--token", "isk_r_x")

    assert done.exit_code == 0


@pytest.mark.parametrize(
    "answer", [(200, purchase("action_required", terminal=False, seconds=60), {}), (0, "", {})]
)
def test_when_the_time_is_over_it_says_where_things_stand_and_never_to_pay_again(
    alone: Shell, answer: tuple[int, Json | str, dict[str, str]]
) -> None:
    with scripted(Script([answer])) as script:
        over = alone.elsewhere(script.url).run(
            "credits", "wait", "payatt_1", "--token", "isk_r_x", "--timeout-seconds", "1"
        )

    assert (over.exit_code, over.error["code"], over.error["retryable"]) == (8, "WAIT_TIMED_OUT", True)
    assert over.error["recovery"]["suggested_command"] == "pennyrail credits wait payatt_1 --json"
    assert "must not be sent again" in over.error["message"]
    assert "buy" not in json.dumps(over.error) + str(over.error["recovery"])
    assert (over.envelope["data"] or {}).get("state") in (None, "action_required")


def test_waiting_for_a_quote_that_nobody_bought_says_to_buy_it(shell: Shell) -> None:
    quoted = shell.signed_up().run("credits", "quote", "--credits", "80", "--payment-method", "fake_deposit")
    quote_id = quoted.data["quote_id"]

    over = shell.run("credits", "wait", quote_id, "--timeout-seconds", "1")

    step, recovery = over.envelope["data"]["next"], over.error["recovery"]
    assert (over.exit_code, over.error["code"], step["action"]) == (8, "WAIT_TIMED_OUT", "buy")
    assert recovery["suggested_commands"] == step["suggested_commands"]
    assert recovery["suggested_command"].startswith("pennyrail credits buy ")
    assert step["message"] in over.error["message"]
    assert "sent again" not in over.error["message"]
    assert shell.run(*shlex.split(recovery["suggested_command"])[1:]).data["state"] == "action_required"


def test_a_token_that_is_refused_ends_the_wait(alone: Shell) -> None:
    gone = envelope(None, {"code": "AUTH_REQUIRED", "message": "no", "retryable": False, "recovery": {}})
    with scripted(Script([(401, gone, {})])) as script:
        done = alone.elsewhere(script.url).run("credits", "wait", "payatt_1", "--token", "isk_r_x")

    assert (done.exit_code, done.envelope) == (3, gone)


@pytest.mark.parametrize(
    ("reference", "name"),
    [("quote_1", "quote_id"), ("cs_1", "checkout_session_id"), ("receipt_1", "receipt_id")],
)
def test_any_reference_will_do(alone: Shell, reference: str, name: str) -> None:
    with scripted(Script([(200, DONE, {})])) as script:
        alone.elsewhere(script.url).run("credits", "wait", reference, "--token", "isk_r_x")

    assert script.asked[0][0].startswith(f"{STATUS}?{name}={reference}")


def test_a_payment_that_settles_while_a_process_waits_ends_it(shell: Shell, doors: Doors) -> None:
    attempt = shell.signed_up().bought()["payment_attempt_id"]

    def settle() -> None:
        doors.deposit.pay(doors.reference(attempt))
        doors.settle(attempt)

    settling = threading.Timer(3, settle)
    settling.start()
    done = shell.spawn("credits", "wait", attempt, "--timeout-seconds", "60")
    settling.join()

    assert done.data["state"] == "succeeded"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("status", "exit_code"), [(200, 1), (401, 3), (403, 3), (402, 5), (404, 1), (307, 1), (502, 7)]
)
@pytest.mark.parametrize("body", ["<html>", "[]", '{"data": 1}', ""])
def test_a_reply_without_an_envelope_is_told_by_its_status(
    alone: Shell, status: int, exit_code: int, body: str
) -> None:
    with scripted(Script([(status, body, {"location": "http://127.0.0.1:9/"})])) as script:
        refused = alone.elsewhere(script.url).run("whoami", "--token", "isk_r_x")

    assert (refused.exit_code, refused.error["code"]) == (exit_code, "HOSTED_API_NON_JSON_RESPONSE")
    assert refused.error["retryable"] is (status >= 500)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("header", "exit_code"), [("2", 2), ("4", 4), ("0", 1), ("", 1), ("abc", 1), ("2.5", 1), ("-1", 1)]
)
def test_the_header_names_the_exit_code_unless_it_is_none_or_hides_a_failure(
    alone: Shell, header: str, exit_code: int
) -> None:
    with scripted(Script([(400, REFUSED, {"x-image-skill-exit-code": header})])) as script:
        refused = alone.elsewhere(script.url).run("whoami", "--token", "isk_r_x")

    assert refused.exit_code == exit_code


def test_a_service_that_is_not_there_is_told_with_what_is_safe_to_repeat(alone: Shell) -> None:
    buy = ("credits", "buy", "--provider", "stripe", "--quote-id", "quote_1", "--idempotency-key", "k")

    read, bought = alone.run("whoami", "--token", "isk_r_x"), alone.run(*buy, "--token", "isk_r_x")

    for refused in (read, bought):
        assert (refused.exit_code, refused.error["code"]) == (7, "HOSTED_API_REQUEST_FAILED")
        assert (refused.error["retryable"], refused.error["recovery"]["retry_after_seconds"]) == (True, 30)
    assert read.error["recovery"]["suggested_command"] == "pennyrail doctor --json"
    assert bought.error["recovery"]["suggested_command"] == (
        "pennyrail credits buy --provider stripe --quote-id quote_1 --idempotency-key k --json"
    )


def test_ctrl_c_ends_a_wait_without_a_traceback(shell: Shell) -> None:
    attempt = shell.signed_up().bought()["payment_attempt_id"]
    given = {name: value for name, value in shell.environment().items() if value is not None}
    waiting = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "credits", "wait", attempt],
        env=dict(os.environ) | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    waiting.send_signal(signal.SIGINT)
    stdout, stderr = waiting.communicate(timeout=120)

    assert (waiting.returncode, json.loads(stdout)["error"]["code"], stderr) == (130, "INTERRUPTED", "")
