"""Expected failures of the office.

OperatorError
└── OfficeError
    ├── SignInRefused        wrong, unknown, disabled, locked: nobody is told which
    │   └── SignInLocked     too many wrong ones; when to come back
    ├── EnrolmentRefused     no such invitation, or it ran out, or the password is too weak
    ├── BadCode              not the code of this moment, or used before
    ├── OperatorConflict     the email is taken, or the last admin would go
    ├── DeskError            what an operator asked of a queue cannot be done so
    │   ├── SayWhy           no reason was given, or no note
    │   ├── OwnerChanged     somebody took it, or gave it back, since it was looked at
    │   ├── NoSuchOwner      nobody of this name can take it
    │   ├── NeedsApproval    it is too much for one person: propose it
    │   ├── NoDelivery       no such event was ever to be told
    │   ├── TooMany          more at once than one request should do
    │   └── BadPlace         a link into the middle of a list leads nowhere
    └── AgentError
        ├── AgentNotFound
        ├── FreezeNotFound   none of this agent
        ├── AlreadyFrozen    somebody of the house did so, for this reason, and it stands
        ├── AlreadyLifted
        └── NothingToRevoke  it has no token that opens anything
"""

from dataclasses import dataclass
from datetime import datetime

from rails.errors import OperatorError


class OfficeError(OperatorError):
    """Root of the office's failures."""

    code = "OFFICE_ERROR"


class SignInRefused(OfficeError):
    """Email, password or code is wrong, or the account may not sign in."""

    code = "SIGN_IN_REFUSED"


@dataclass
class SignInLocked(SignInRefused):
    """Too many wrong tries."""

    until: datetime
    code = "SIGN_IN_LOCKED"

    def __str__(self) -> str:
        return f"too many wrong tries; try again after {self.until:%H:%M:%S} UTC"


class EnrolmentRefused(OfficeError):
    """No such invitation, or it ran out, or what was chosen does not do."""

    code = "ENROLMENT_REFUSED"


class BadCode(OfficeError):
    """Not the code of this moment, or used before."""

    code = "BAD_CODE"


class OperatorConflict(OfficeError):
    """The email is taken, or nobody could make operators any more."""

    code = "OPERATOR_CONFLICT"


class OperatorNotFound(OfficeError):
    """No operator has this id."""

    code = "OPERATOR_NOT_FOUND"


class DeskError(OfficeError):
    """What an operator asked of a queue cannot be done so."""

    code = "DESK_ERROR"


class SayWhy(DeskError):
    """Nothing was said where a person has to say something, or too much."""

    code = "SAY_WHY"


class OwnerChanged(DeskError):
    """Somebody took it, or gave it back, since it was looked at."""

    code = "OWNER_CHANGED"


class NoSuchOwner(DeskError):
    """No operator of this name can take it."""

    code = "NO_SUCH_OWNER"


class NeedsApproval(DeskError):
    """It is more than one person may do alone."""

    code = "NEEDS_APPROVAL"


class NoDelivery(DeskError):
    """No such event was ever to be told to anybody."""

    code = "DELIVERY_NOT_FOUND"


class TooMany(DeskError):
    """More at once than one request should do."""

    code = "TOO_MANY"


class BadPlace(DeskError):
    """The word that says where a list goes on says nothing."""

    code = "BAD_PLACE"


class AgentError(OfficeError):
    """About one agent."""

    code = "AGENT_ERROR"


class AgentNotFound(AgentError):
    """No agent has this id, and no account of credits either."""

    code = "AGENT_NOT_FOUND"


class FreezeNotFound(AgentError):
    """The agent has no freeze of this number."""

    code = "FREEZE_NOT_FOUND"


class AlreadyFrozen(AgentError):
    """A freeze of a person's, for the same reason, stands."""

    code = "ALREADY_FROZEN"


class AlreadyLifted(AgentError):
    """Somebody has lifted it, or its processor's word did."""

    code = "ALREADY_LIFTED"


class NothingToRevoke(AgentError):
    """The agent has no token that opens anything."""

    code = "NOTHING_TO_REVOKE"
