"""Maker and checker: what one person of the house proposes, and another one approves.

`needs_two` tells whether somebody may do something alone; `/console/proposals/new` takes what they may not.
"""

from office.proposals.alone import check_alone, left_alone, needs_two

__all__ = ["check_alone", "left_alone", "needs_two"]
