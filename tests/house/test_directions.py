"""The directions between the rooms that a list of names could not keep: rail folders are walked."""

from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("ledger", "rails", "outbound", "office", "workers", "app", "sandbox")
STORY = {
    f"rails.{name}"
    for name in (
        *("purchase", "inbox", "inbox_desk", "recovery", "schedule", "status", "states", "registry"),
        "reconciliation",
    )
}
SHARED = {"rails.stripe", "rails.chain"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, cache_dir=None)


def rail_folders() -> list[str]:
    return sorted(f"rails.{path.parent.name}" for path in (ROOT / "rails").glob("*/rail.py"))


def test_both_rails_are_found() -> None:
    assert rail_folders() == ["rails.stripe_checkout", "rails.stripe_x402"]


def test_no_rail_imports_the_story_or_another_rail(graph: grimp.ImportGraph) -> None:
    for rail in rail_folders():
        others = STORY | (set(rail_folders()) - {rail})
        for other in others:
            chains = graph.find_shortest_chains(importer=rail, imported=other, as_packages=True)
            assert not chains, chains


def test_what_rails_share_imports_neither_the_story_nor_a_rail(graph: grimp.ImportGraph) -> None:
    for shared in SHARED:
        for other in STORY | set(rail_folders()):
            chains = graph.find_shortest_chains(importer=shared, imported=other, as_packages=True)
            assert not chains, chains


def test_only_the_story_and_the_doors_hold_the_pen(graph: grimp.ImportGraph) -> None:
    holders = graph.find_modules_that_directly_import("ledger.book")

    assert {name for name in holders if not name.startswith(("app", "ledger"))} <= {
        "rails.resolutions",
        # Corrections between house accounts, which two people have agreed on.
        "office.proposals.correction",
        *(f"rails.reconciliation.{name}" for name in ("booking", "facts", "run")),
    }


def test_nothing_but_the_command_line_imports_the_sandbox(graph: grimp.ImportGraph) -> None:
    outside = {
        importer
        for module in graph.modules
        if module.startswith("sandbox")
        for importer in graph.find_modules_that_directly_import(module)
        if not importer.startswith("sandbox")
    }

    assert outside <= {"app.cli", "app.where", "app.rail_kit.fixtures"}


def test_no_package_has_an_import_cycle(graph: grimp.ImportGraph) -> None:
    for package in sorted({"", *(name for name in graph.modules if graph.find_children(name))}):
        siblings = graph.find_children(package) if package else set(ROOMS)
        needs = {
            one: {
                other
                for other in siblings - {one}
                if graph.direct_import_exists(importer=one, imported=other, as_packages=True)
            }
            for one in siblings
        }
        while free := [one for one, needed in needs.items() if not needed]:
            for one in free:
                del needs[one]
            needs = {one: needed - set(free) for one, needed in needs.items()}
        assert not needs, f"{package or 'the house'}: a cycle among {sorted(needs)}"
