"""Who may do what. Money and access are apart: who makes operators moves no money."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Role = Literal["viewer", "support", "finance", "approver", "admin"]
Permission = Literal[
    "read",
    "note",
    "look",
    "freeze",
    "revoke_token",
    "replay",
    "resolve",
    "refund",
    "propose",
    "approve",
    "ignore",
    "cancel",
    "reconcile",
    "close_period",
    "export",
    "chain",
    "operators",
    "switch_rail",
]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_VIEWER: Final[frozenset[Permission]] = frozenset({"read"})
_SUPPORT: Final[frozenset[Permission]] = _VIEWER | {"note", "look", "freeze", "revoke_token", "replay"}
_FINANCE: Final[frozenset[Permission]] = _SUPPORT | {
    "resolve",
    "refund",
    "propose",
    "ignore",
    "cancel",
    "reconcile",
    "close_period",
    "export",
    "chain",
}
_APPROVER: Final[frozenset[Permission]] = _FINANCE | {"approve"}
_ADMIN: Final[frozenset[Permission]] = _VIEWER | {
    "note",
    "export",
    "replay",
    "freeze",
    "chain",
    "operators",
    "switch_rail",
}

PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    "viewer": _VIEWER,
    "support": _SUPPORT,
    "finance": _FINANCE,
    "approver": _APPROVER,
    "admin": _ADMIN,
}

MEANINGS: Final[Mapping[Permission, str]] = {
    "read": "see every page",
    "note": "write notes and take exceptions on",
    "look": "have a purchase looked at again",
    "freeze": "freeze an agent's spending, and lift a freeze",
    "revoke_token": "revoke an agent's tokens",
    "replay": "handle a notice or send a delivery again",
    "resolve": "decide exceptions and breaks",
    "refund": "give money back",
    "propose": "propose what another has to approve",
    "approve": "approve or reject what another proposed",
    "ignore": "ignore a notice for good",
    "cancel": "cancel a payment that nobody made",
    "reconcile": "run a reconciliation",
    "close_period": "prepare the close of a month",
    "export": "export and download",
    "chain": "have blocks read again",
    "operators": "invite, change and disable operators, end their sessions",
    "switch_rail": "switch a rail off and on",
}


def may(role: Role, permission: Permission) -> bool:
    """Whether somebody of this role may do this."""
    return permission in PERMISSIONS[role]
