"""The rows that a server cannot keep or break, because only the client does what they say."""

from collections.abc import Mapping
from typing import Final

CLIENT_ONLY: Final[Mapping[int, str]] = {
    14: "where and how the client keeps the token; that a kept token authenticates is row 25",
    15: "a variable that only the client reads",
    16: "a code that the client makes up when it cannot write its own file; a server never sends it",
    17: "a flag of the client; the server's part, the token once and only if asked for, is rows 19 and 151",
    18: "two flags of the client; nothing of it reaches the server",
    20: "the client takes the token out of the reply and adds auth_handoff itself; its source is row 19",
    132: "flags are refused before a request is made; the server's own refusal is row 133",
    145: "the client writes these commands from its own name and ways to pass a token",
    146: "the client words this stage; that the stage is reached is row 138",
}
