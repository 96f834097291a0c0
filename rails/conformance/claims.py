"""Which test proves which claim, and what becomes of one that a harness cannot play."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar, cast

import pytest

from rails.conformance.harness import Cannot
from rails.conformance.stage import Stage
from rails.rail import Rail

Rest = ParamSpec("Rest")
Suite = TypeVar("Suite")
Declared = Callable[[Rail], bool]
Test = Callable[Concatenate[Suite, Stage, Rest], None]

_NAME: Final = "pennyrail_claim"
NOT_DECLARED: Final = "not declared by this rail"


@dataclass(frozen=True, slots=True)
class Claim:
    """Something a rail says of itself, or that every rail promises."""

    name: str


def proves(
    name: str, *, when: Declared = lambda _rail: True
) -> Callable[[Test[Suite, Rest]], Test[Suite, Rest]]:
    """Make a test the proof of a declared claim: a harness that cannot play it fails the rail.

    A rail that does not declare it, which `when` tells, is not asked.
    """

    def asked(stage: Stage) -> None:
        if not when(stage.rail):
            pytest.skip(NOT_DECLARED)

    return _claim(name, asked, _declared_and_not_shown)


def shows(
    name: str, *, when: Declared = lambda _rail: True
) -> Callable[[Test[Suite, Rest]], Test[Suite, Rest]]:
    """Make a test show a promise of every rail: a harness that cannot play it says why."""

    def asked(stage: Stage) -> None:
        if not when(stage.rail):
            pytest.skip(NOT_DECLARED)

    return _claim(name, asked, _left_out)


def of(test: object) -> Claim | None:
    """The claim that a test is about, None if it is no test of the suite."""
    found = getattr(test, _NAME, None)
    return found if isinstance(found, Claim) else None


def _claim(
    name: str, asked: Callable[[Stage], None], cannot: Callable[[str, Cannot], None]
) -> Callable[[Test[Suite, Rest]], Test[Suite, Rest]]:
    def about(test: Test[Suite, Rest]) -> Test[Suite, Rest]:
        @wraps(test)
        def told(self: Suite, stage: Stage, *rest: Rest.args, **named: Rest.kwargs) -> None:
            asked(stage)
            try:
                test(self, stage, *rest, **named)
            except Cannot as reason:
                cannot(name, reason)

        setattr(told, _NAME, Claim(name))
        return cast("Test[Suite, Rest]", told)

    return about


def _declared_and_not_shown(name: str, reason: Cannot) -> None:
    pytest.fail(f"{name} is declared, and its harness does not show it: {reason}")


def _left_out(_name: str, reason: Cannot) -> None:
    pytest.skip(str(reason))
