"""Input that once broke something, or would break a careless reader: kept, played every time, and mutated."""

import json
import os
from pathlib import Path
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st

HERE: Final = Path(__file__).parent / "corpus"
FUZZ: Final = int(os.environ.get("PENNYRAIL_FUZZ_EXAMPLES", "0"))
"""Examples for each property; by default a few, the same every time."""
PLAYED: Final = settings(
    max_examples=20 * FUZZ or 60, derandomize=not FUZZ, deadline=None, database=None, print_blob=True
)
_PIECES: Final = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"-",
    b"1e999",
)


def cases(name: str) -> dict[str, bytes]:
    """The kept inputs of a reader, by why each was kept. `[text, times]` stands for a repeated piece."""
    kept = json.loads((HERE / f"{name}.json").read_text())
    return {why: b"".join(_piece(each) for each in pieces) for why, pieces in kept.items()}


def _piece(given: str | list[object]) -> bytes:
    if isinstance(given, str):
        return _raw(given)
    text, times = given
    assert isinstance(text, str)
    assert isinstance(times, int)
    return _raw(text) * times


def _raw(text: str) -> bytes:
    # `hex:` for what is no text.
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode("utf-8", "surrogatepass")


def mutated(name: str) -> st.SearchStrategy[bytes]:
    """A kept input, cut and pasted at random, or bytes of no sense at all."""
    short = [case for case in cases(name).values() if len(case) < 4096]
    return st.one_of(st.builds(_mutate, st.sampled_from(short), st.lists(_cuts(), max_size=6)), st.binary())


def _cuts() -> st.SearchStrategy[tuple[int, int, bytes]]:
    place = st.integers(0, 4096)
    return st.tuples(place, st.integers(0, 40), st.one_of(st.sampled_from(_PIECES), st.binary(max_size=8)))


def _mutate(case: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, put in cuts:
        start = place % (len(case) + 1)
        case = case[:start] + put + case[start + length :]
    return case
