"""Stripe's bracketed form encoding: `a[b][0]=c` and `a[]=c` become nested maps."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from sandbox.stripe_twin.errors import InvalidRequest

Node = str | dict[str, "Node"]
Nodes = dict[str, Node]

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
DEPTH_MAX = 12


def decode(encoded: str) -> Nodes:
    """The nested parameters of a form body or query string; lists are maps with the keys 0, 1, 2...

    raises: InvalidRequest if a name is malformed or used both as a value and as a map.
    """
    return nest(parse_qsl(encoded, keep_blank_values=True))


def nest(pairs: Iterable[tuple[str, str]]) -> Nodes:
    """The nested parameters of flat pairs."""
    root: Nodes = {}
    for name, value in pairs:
        *parents, last = path(name)
        place = root
        for step in parents:
            inner = place.setdefault(step or str(len(place)), {})
            if isinstance(inner, str):
                raise InvalidRequest(f"Invalid request parameters: {name}", param=name)
            place = inner
        if isinstance(place.get(last), dict):
            raise InvalidRequest(f"Invalid request parameters: {name}", param=name)
        place[last or str(len(place))] = value
    return root


def path(name: str) -> list[str]:
    """The steps of a bracketed name; an empty step means the next place in a list."""
    found = NAME.fullmatch(name)
    steps = [] if found is None else [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
    if not steps or len(steps) > DEPTH_MAX:
        raise InvalidRequest(f"Invalid request parameter name: {name}")
    return steps
