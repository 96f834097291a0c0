"""Every action of a page has its command, and every command is a page or an action: the routes are walked."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from app.console import routes
from app.ops_cli.rows import GROUPS, ROWS, Row

# What a person does in a browser alone; the session itself has commands of its own.
OF_BROWSERS = {
    ("POST", "/console/sign-in"),
    ("POST", "/console/sign-out"),
    ("POST", "/console/enrol"),
}


def routed() -> Iterator[tuple[str, str, APIRoute]]:
    """Every route: its method, its path as a browser knows it, and itself."""
    for router in routes.ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in (route.methods or set()) & {"GET", "POST"}:
                yield method, re.sub(r":\w+}", "}", f"/console{route.path}"), route


ROUTES = {(method, path): route for method, path, route in routed()}
ACTIONS = sorted(path for method, path in ROUTES if method == "POST")


@pytest.mark.parametrize("path", ACTIONS)
def test_every_action_has_a_command(path: str) -> None:
    if ("POST", path) in OF_BROWSERS:
        return
    assert [row for row in ROWS if (row.method, row.path) == ("POST", path)], f"no row for POST {path}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.words)
def test_every_command_is_a_route_and_sends_what_it_takes(row: Row) -> None:
    route = ROUTES.get((row.method, row.path))
    assert route is not None, f"nothing answers {row.method} {row.path}"
    told = {option.name: option.required for option in row.options}
    params = route.dependant.body_params if row.method == "POST" else route.dependant.query_params
    taken = {param.alias: param.field_info.is_required() for param in params}
    if row.method == "GET":
        assert set(told) <= set(taken), f"{row.words} sends what no page reads"
    else:
        assert told == taken


def test_every_group_says_what_it_is_for() -> None:
    groups = {row.words.partition(" ")[0] for row in ROWS if " " in row.words}

    assert set(GROUPS) == groups
    assert all(len(about.split()) > 3 for about in GROUPS.values())


def test_no_command_is_there_twice() -> None:
    words = [row.words for row in ROWS]
    assert len(words) == len(set(words))
