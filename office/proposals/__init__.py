"""Maker and checker: what one person of the house proposes, and another one approves.

`needs_two` tells whether somebody may do something alone; `/console/proposals/new` takes what they may not.
"""

from office.proposals.alone import left_alone, needs_two

__all__ = ["left_alone", "needs_two"]
