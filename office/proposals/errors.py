"""Expected failures of proposals.

OfficeError
└── ProposalError
    ├── ProposalNotFound
    ├── BadProposal         what was typed is nothing that can be proposed
    ├── NotPossible         what is proposed cannot be done now; the message says why
    ├── AlreadyDecided      approved, rejected, withdrawn or expired before
    ├── ProposalExpired     its time was over
    └── MayNotDecide        the maker, or somebody who may not approve at this moment
"""

from office.errors import OfficeError


class ProposalError(OfficeError):
    """Root of the failures of proposals. Nothing was done."""

    code = "PROPOSAL_ERROR"


class ProposalNotFound(ProposalError):
    """No proposal has this number."""

    code = "PROPOSAL_NOT_FOUND"


class BadProposal(ProposalError):
    """What was typed is nothing that can be proposed; the message says why."""

    code = "BAD_PROPOSAL"


class NotPossible(ProposalError):
    """What is proposed cannot be done now; the message says why."""

    code = "PROPOSAL_NOT_POSSIBLE"


class AlreadyDecided(ProposalError):
    """A proposal is decided once."""

    code = "PROPOSAL_ALREADY_DECIDED"


class ProposalExpired(ProposalError):
    """Its time was over."""

    code = "PROPOSAL_EXPIRED"


class MayNotDecide(ProposalError):
    """Whoever proposes does not decide, nor does anybody who may not approve at this moment."""

    code = "FORBIDDEN_TO_DECIDE"
