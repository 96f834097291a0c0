"""The page for whoever writes the API server: its examples run, and its tables are true."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from app import http_errors, service_tokens
from tests.internal.conftest import Home, Json

PAGE = (Path(__file__).parents[2] / "docs" / "internal-api.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_curl_example_is_answered_well(home: Home) -> None:
    shown: list[Json] = []
    known = {
        "PENNYRAIL": home.url,
        "TOKEN": home.service().token,
        "AGENT": home.agent(bought=100),
        "PATH": "/usr/bin:/bin",
    }

    for script in blocks("bash"):
        for command in re.split(r"\n(?=curl )", script):
            ran = subprocess.run(["bash", "-c", command], env=known, capture_output=True, check=True)
            reply = json.loads(ran.stdout)
            assert reply["ok"], (command, reply)
            known["HOLD"] = reply["data"].get("hold_id") or known.get("HOLD", "")
            shown.append(reply["data"])

    assert [item["ok"] for item in shown[4]["results"]] == [True, True]
    assert shown[5]["balance"]["available"] == 100 - 9 + 5 - 1
    assert shown[7]["credits_required"] == 13


def test_the_python_example_runs(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"url": home.url, "token": home.service().token, "agent_id": home.agent(bought=100)}

    for example in blocks("python"):
        exec(compile(example, "docs/internal-api.md", "exec"), known)  # noqa: S102

    assert capsys.readouterr().out == "97 credits left\n97\n"


def test_the_page_names_every_scope_and_only_codes_that_exist() -> None:
    codes = {code for code in re.findall(r"`([A-Z_]{6,})`", PAGE) if not code.startswith("PENNYRAIL")}

    assert set(re.findall(r"`([a-z]+:[a-z]+)`", PAGE)) == set(service_tokens.SCOPES)
    assert codes <= set(http_errors.STATUS)
    for status, names in re.findall(r"^\| (\d{3}) \| (.*) \|$", PAGE, re.MULTILINE):
        for code in re.findall(r"`([A-Z_]{6,})`", names):
            assert http_errors.STATUS[code].http == int(status), code
