"""Seed phrases of wallets: twelve and more words of one public list in a row, which no other text has."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

# The shortest phrase there is; a longer one holds a run of twelve.
_FEWEST_WORDS: Final = 12
_SHORTEST: Final = _FEWEST_WORDS * 4 - 1
_WORD: Final = re.compile(r"[^\W\d_]+")


def is_in(text: str) -> bool:
    """Whether the text holds a phrase, whatever stands between its words: numbers, commas, lines.

    Most lists of words and all prose break the run, because the list has no articles, no prepositions
    and no plurals. Only the English list is known: the other languages of wallets are rare, and the
    Chinese list is every text in Chinese.
    """
    if len(text) < _SHORTEST:
        return False
    run, known = 0, _words()
    for word in _WORD.findall(text.lower()):
        run = run + 1 if word in known else 0
        if run == _FEWEST_WORDS:
            return True
    return False


@cache
def _words() -> frozenset[str]:
    """The 2048 words. source: BIP-39, as the package eth-account brings it; importing that takes a second."""
    found = find_spec("eth_account")
    assert found is not None
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0], "hdaccount", "wordlist", "english.txt")
    words = frozenset(path.read_text(encoding="utf-8").split())
    assert len(words) == 2048
    return words
