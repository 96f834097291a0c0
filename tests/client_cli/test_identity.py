"""Signing up, the saved token, and where it may be shown."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.app.conftest import Doors
from tests.client_cli.conftest import NOBODY, Ran, Shell

SIGNUP = ("signup", "--agent", "--agent-name", "painter", "--runtime", "tests")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_signing_up_saves_the_token_for_its_owner_alone_and_shows_it_to_nobody(shell: Shell) -> None:
    old = os.umask(0)
    try:
        told = shell.run(*SIGNUP)
    finally:
        os.umask(old)

    saved = shell.saved()
    assert (mode(shell.config), mode(shell.config.parent)) == (0o600, 0o700)
    assert set(saved) == {"api_base_url", "token", "saved_at", "actor"}
    assert saved["api_base_url"] == shell.base_url
    assert (told.data["token"], told.data["token_presented"]) == (None, False)
    assert told.data["storage"] == {"saved": True, "config_path": str(shell.config), "reason": None}
    assert told.data["auth_handoff"]["status"] == "saved_config_ready"
    assert told.envelope["warnings"] == []
    assert saved["token"] not in told.stdout + told.stderr
    assert shell.run("whoami").data["actor"] == saved["actor"]


def test_the_token_is_shown_when_asked_for_and_not_saved_when_not_wanted(shell: Shell) -> None:
    told = shell.run(*SIGNUP, "--show-token", "--no-save")

    assert told.data["token"].startswith("isk_r_")
    assert (told.data["token_presented"], told.data["storage"]["saved"]) == (True, False)
    assert len(told.envelope["warnings"]) == 1
    assert not shell.config.exists()
    assert shell.run("whoami", PENNYRAIL_TOKEN=told.data["token"]).data["authenticated"] is True


def test_a_config_that_cannot_be_written_is_found_before_the_service_is_asked(alone: Shell) -> None:
    alone.config.parent.write_text("a file where the folder should be")

    refused = alone.run(*SIGNUP)

    assert (refused.exit_code, refused.error["code"]) == (9, "PUBLIC_CLI_CONFIG_WRITE_FAILED")
    assert set(refused.error["recovery"]) == {
        "config_path_env",
        "suggested_config_path",
        "suggested_command",
        "fallback_command",
        "fallback_auth_method",
    }


def test_a_file_that_others_could_read_is_not_written_into(shell: Shell) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text("{}")
    shell.config.chmod(0o644)

    shell.run(*SIGNUP, PENNYRAIL_API_BASE_URL=shell.base_url)

    assert mode(shell.config) == 0o600


def test_a_link_to_the_config_stays_a_link(shell: Shell, tmp_path: Path) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.symlink_to(tmp_path / "elsewhere.json")

    shell.signed_up()

    assert shell.config.is_symlink()
    assert mode(tmp_path / "elsewhere.json") == 0o600


def test_the_token_of_another_agent_is_kept_beside_and_its_own_is_replaced(shell: Shell) -> None:
    shell.run(*SIGNUP)
    first = shell.saved()

    other = shell.run(*SIGNUP, "--agent-contact", "me@example.invalid")
    kept = Path(other.data["storage"]["previous_config_path"])
    again = shell.run(*SIGNUP, "--agent-contact", "ME@example.invalid ")

    assert (json.loads(kept.read_text()), mode(kept)) == (first, 0o600)
    assert "previous_config_path" not in again.data["storage"]
    assert again.data["actor"] == other.data["actor"]
    assert shell.run("whoami").exit_code == 0


def test_the_config_lies_where_the_xdg_folder_is_else_under_the_home_folder(
    shell: Shell, tmp_path: Path
) -> None:
    def path(**environment: str) -> str:
        found: str = shell.run("auth", "status", PENNYRAIL_CONFIG_PATH="", **environment).data["config_path"]
        return found

    assert path(XDG_CONFIG_HOME="/x") == "/x/pennyrail/config.json"
    assert path(XDG_CONFIG_HOME="x", HOME=str(tmp_path)) == f"{tmp_path}/.config/pennyrail/config.json"


def test_a_token_comes_from_a_pipe_a_flag_the_environment_or_the_config_in_this_order(shell: Shell) -> None:
    shell.signed_up()
    token = shell.saved()["token"]
    wrong = {"PENNYRAIL_TOKEN": "isk_r_wrong"}

    found = [
        shell.run("auth", "status", "--token-stdin", "--token=wrong", stdin=f"{token}\n", **wrong),
        shell.run("auth", "status", "--token", token, **wrong),
        shell.run("auth", "status", PENNYRAIL_TOKEN=token),
        shell.run("auth", "status"),
    ]

    assert [each.data["auth_source"] for each in found] == ["stdin", "flag", "environment", "saved_config"]
    assert shell.run("whoami", **wrong).exit_code == 3


@pytest.mark.parametrize("stdin", ["", " \n", "two words"])
def test_what_a_pipe_brings_must_be_a_token(shell: Shell, stdin: str) -> None:
    refused = shell.run("whoami", "--token-stdin", stdin=stdin)

    assert (refused.exit_code, refused.error["code"]) == (2, "INVALID_ARGUMENTS")
    assert "two words" not in refused.stdout


def test_a_saved_token_is_sent_to_no_other_address(shell: Shell) -> None:
    shell.signed_up()
    token = shell.saved()["token"]

    by_flag = shell.run("whoami", "--api-base-url", NOBODY)
    by_variable = shell.elsewhere(NOBODY).run("usage", "quota")
    given = shell.run("whoami", "--api-base-url", shell.base_url + "/any/path", "--token", token)

    for refused in (by_flag, by_variable):
        assert (refused.exit_code, refused.error["code"]) == (3, "AUTH_REQUIRED")
        assert refused.error["recovery"]["saved_api_base_url"] == shell.base_url
        assert refused.error["recovery"]["requested_api_base_url"] == NOBODY
    assert given.data["authenticated"] is True


def test_later_commands_speak_to_the_service_that_was_signed_up_at(shell: Shell) -> None:
    shell.signed_up()

    assert shell.run("usage", "quota", PENNYRAIL_API_BASE_URL="").data["authenticated"] is True


def test_without_a_token_auth_status_says_so_and_the_rest_is_refused(shell: Shell) -> None:
    status, refused = shell.run("auth", "status"), shell.run("whoami")

    assert status.data["authenticated"] is False
    assert (refused.exit_code, refused.error["code"]) == (3, "AUTH_REQUIRED")
    assert refused.error["recovery"]["suggested_command"].startswith("pennyrail signup --agent ")


def test_a_token_is_saved_and_forgotten_by_hand(shell: Shell) -> None:
    token = shell.run(*SIGNUP, "--show-token", "--no-save").data["token"]

    saved = shell.run("auth", "save", "--token-stdin", stdin=token)
    kept, known = mode(shell.config), shell.run("whoami").exit_code
    gone, twice = shell.run("auth", "logout"), shell.run("auth", "logout")

    assert (saved.data["saved"], kept, known) == (True, 0o600, 0)
    assert (gone.data["removed"], twice.data["removed"], shell.config.exists()) == (True, False, False)
    assert token not in saved.stdout
    assert shell.run("auth", "save").exit_code == 2


def test_a_token_that_was_saved_by_hand_is_kept_beside_the_next_one(shell: Shell) -> None:
    first, second = (
        shell.run(*SIGNUP, "--show-token", "--no-save").data["token"] for _each in ("one", "another")
    )
    shell.run("auth", "save", "--token-stdin", stdin=first)

    replaced = shell.run("auth", "save", "--token-stdin", stdin=second)
    again = shell.run("auth", "save", "--token-stdin", stdin=second)

    kept = Path(replaced.data["previous_config_path"])
    assert (json.loads(kept.read_text())["token"], mode(kept)) == (first, 0o600)
    assert shell.saved()["token"] == second
    assert again.data["previous_config_path"] is None


def test_logging_out_forgets_the_token_behind_a_link(shell: Shell, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.json"
    shell.config.parent.mkdir(parents=True)
    shell.config.symlink_to(real)
    shell.signed_up()

    gone, twice = shell.run("auth", "logout"), shell.run("auth", "logout")

    assert (gone.data["removed"], twice.data["removed"], real.exists()) == (True, False, False)
    assert shell.config.is_symlink()


def test_a_broken_config_is_named_and_can_be_thrown_away(shell: Shell) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text('{"token": "isk_r_half')

    refused, doctor = shell.run("whoami"), shell.run("doctor")

    assert (refused.exit_code, refused.error["code"]) == (9, "PUBLIC_CLI_CONFIG_READ_FAILED")
    assert refused.error["recovery"]["suggested_command"] == "pennyrail auth logout --json"
    assert doctor.data["config"]["usable"] is False
    assert "isk_r_half" not in refused.stdout + doctor.stdout


def test_the_older_name_of_the_contact_and_where_one_heard_of_it_are_passed_on(shell: Shell) -> None:
    told = shell.run(*SIGNUP, "--human-email", "Me@Example.invalid", PENNYRAIL_DISCOVERY_SOURCE="a-friend")

    assert told.data["discovery_source"] == "a-friend"
    assert "human_email" not in told.data
    assert told.data["agent_contact"]


def test_the_quota_has_two_more_names(shell: Shell) -> None:
    shell.signed_up()

    told = [shell.run(*words) for words in (("usage", "quota"), ("usage",), ("quota",))]

    assert {each.envelope["command"] for each in told} == {"pennyrail usage quota"}
    assert len({json.dumps(each.data["limits"]) for each in told}) == 1


def test_doctor_always_exits_0_and_says_what_is_wrong(shell: Shell, alone: Shell, doors: Doors) -> None:
    well, ill = shell.run("doctor"), alone.run("doctor")
    nonsense = alone.run("doctor", "--api-base-url", "nonsense")

    assert well.data["hosted_api"] | {"error": None} == {
        "api_base_url": doors.url,
        "reachable": True,
        "status": "ok",
        "api_version": "v1",
        "error": None,
    }
    assert (ill.exit_code, ill.data["hosted_api"]["reachable"]) == (0, False)
    assert ill.data["hosted_api"]["error"]["code"] == "HOSTED_API_REQUEST_FAILED"
    assert nonsense.data["hosted_api"]["error"]["code"] == "INVALID_ARGUMENTS"


def test_no_command_prints_the_token_that_it_is_given(shell: Shell) -> None:
    shell.signed_up()
    token = shell.saved()["token"]
    told: list[Ran] = [
        shell.run(*words, "--token", token)
        for words in (
            ("whoami",),
            ("doctor",),
            ("auth", "status"),
            ("top-up", "--guide"),
            ("activity", "list"),
        )
    ]

    assert not any(token in each.stdout + each.stderr for each in told)
