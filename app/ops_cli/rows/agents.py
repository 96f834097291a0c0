"""What people of the house read of agents, and do to them."""

from typing import Final

from app.ops_cli.rows.row import AFTER, BEFORE, REASON, Option, Row

ROWS: Final = (
    Row(
        "agents list",
        "GET",
        "/console/agents",
        "All agents, the newest first, or those that are looked for.",
        (
            Option("by", "what `--q` is the beginning of", choices=("name", "contact")),
            Option("q", "how it begins"),
            Option("frozen", "only who may not spend", choices=("true", "false")),
            AFTER,
        ),
    ),
    Row(
        "agents show",
        "GET",
        "/console/agents/{agent_id}",
        "What an agent has, may spend and may buy.",
        (Option("at", "and had at this moment"), Option("days", "how far back its balance is told")),
    ),
    Row("agents lots", "GET", "/console/agents/{agent_id}/lots", "Every grant and what is left.", (BEFORE,)),
    Row("agents lot", "GET", "/console/agents/{agent_id}/lots/{lot_id}", "What one was used for.", (BEFORE,)),
    Row("agents holds", "GET", "/console/agents/{agent_id}/holds", "The holds that stand.", (AFTER,)),
    Row("agents all-holds", "GET", "/console/agents/{agent_id}/holds/all", "Ended ones too.", (BEFORE,)),
    Row(
        "agents statement",
        "GET",
        "/console/agents/{agent_id}/statement",
        "Opening, every entry, and closing of a period.",
        (Option("since", "its first moment"), Option("until", "the first moment after it"), AFTER),
    ),
    Row(
        "agents activity",
        "GET",
        "/console/agents/{agent_id}/activity",
        "What the agent itself reads of its history.",
        (Option("subject", "about what", choices=("payment", "credit", "usage")),),
    ),
    Row("agents purchases", "GET", "/console/agents/{agent_id}/purchases", "What it bought.", (AFTER,)),
    Row("agents tokens", "GET", "/console/agents/{agent_id}/tokens", "When its tokens were made."),
    Row("agents claims", "GET", "/console/agents/{agent_id}/claims", "Inboxes it named."),
    Row("agents freezes", "GET", "/console/agents/{agent_id}/freezes", "Why it may not spend.", (BEFORE,)),
    Row("agents freeze", "POST", "/console/agents/{agent_id}/freeze", "Let it spend nothing new.", (REASON,)),
    Row(
        "agents lift-freeze",
        "POST",
        "/console/agents/{agent_id}/freezes/{freeze_id}/lift",
        "Lift one freeze for good.",
        (REASON,),
    ),
    Row(
        "agents revoke-token",
        "POST",
        "/console/agents/{agent_id}/revoke-token",
        "Refuse its token from the next request on.",
        (REASON,),
    ),
)
