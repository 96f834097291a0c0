"""The Merkle tree of RFC 6962."""

import hashlib
from collections.abc import Sequence

import pytest

from ledger import merkle

# The vectors of certificate-transparency's own tests: leaves, and the root over the first of them.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def split(leaves: Sequence[bytes]) -> bytes:
    """The root as the RFC defines it, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + split(leaves[:half]) + split(leaves[half:])).digest()


def numbered(size: int) -> list[bytes]:
    return [merkle.leaf(str(number).encode()) for number in range(size)]


@pytest.mark.parametrize("size", ROOTS)
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    leaves = [merkle.leaf(bytes.fromhex(each)) for each in LEAVES[:size]]

    assert merkle.root(leaves).hex() == ROOTS[size]


def test_every_leaf_of_every_small_tree_leads_to_its_root() -> None:
    for size in range(1, 70):
        leaves = numbered(size)
        assert merkle.root(leaves) == split(leaves)
        for place, leaf in enumerate(leaves):
            siblings = merkle.path(leaves, place)
            found = merkle.root_of_path(leaf, place=place, size=size, siblings=siblings)
            assert found == merkle.root(leaves)


def test_a_path_at_another_place_too_long_or_too_short_leads_nowhere() -> None:
    leaves = numbered(13)
    siblings = merkle.path(leaves, 5)

    wrong = [
        merkle.root_of_path(leaves[5], place=4, size=13, siblings=siblings),
        merkle.root_of_path(leaves[5], place=13, size=13, siblings=siblings),
        merkle.root_of_path(leaves[5], place=-1, size=13, siblings=siblings),
        merkle.root_of_path(leaves[5], place=5, size=13, siblings=siblings[:-1]),
        merkle.root_of_path(leaves[5], place=5, size=13, siblings=[*siblings, leaves[0]]),
    ]

    assert merkle.root(leaves) not in wrong
    assert wrong[1:] == [None, None, None, None]
