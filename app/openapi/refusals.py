"""What a refusal holds beside its code, as replies promise it."""

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from app.openapi.identity import NothingForSale, TopUp
from app.openapi.kinds import Cents, Command, Instant, Url, says


class Recovery(TypedDict):
    """What to do instead. Prefer it over the words of the message."""

    suggested_command: NotRequired[Command]
    suggested_commands: NotRequired[list[Command]]
    required_flag: NotRequired[str]
    required_flags: NotRequired[list[str]]
    optional_flags: NotRequired[list[str]]
    idempotency_key: NotRequired[Annotated[str, says("the key to repeat the call with")]]
    retry_after_seconds: NotRequired[
        Annotated[int, says("repeat after this long; the same as the header Retry-After")]
    ]
    limit_cents: NotRequired[Cents]
    used_cents: NotRequired[Cents]
    remaining_cents: NotRequired[Cents]
    resets_at: NotRequired[Instant]
    min_amount_cents: NotRequired[Cents]
    max_amount_cents: NotRequired[Cents]
    top_up: NotRequired[TopUp | NothingForSale]
    docs_url: Url
