"""Small contracts for the devnet: code that is put at an address as it is, with `anvil_setCode`."""

from sandbox.devnet.anvil import TOKEN

TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
APPROVAL = "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"


def forwards(times: int = 1, *, to: str = TOKEN) -> str:
    """A wallet that is a contract: what it is called with it calls `to` with, so many times."""
    once = f"60006000366000600073{to[2:].lower()}5af150"
    return "0x" + "366000600037" + once * times + "00"


def calls(*calldata: str, to: str = TOKEN) -> str:
    """Code that calls `to` with each of these, one after another."""
    code = ""
    for each in calldata:
        content = each[2:].ljust(-(-len(each[2:]) // 64) * 64, "0")
        for place in range(0, len(content), 64):
            code += f"7f{content[place : place + 64]}60{place // 2:02x}52"
        code += f"6000600060{len(each[2:]) // 2:02x}6000600073{to[2:].lower()}5af150"
    return f"0x{code}00"


def emits(*topics: str, size: int = 32, value: int = 5_000_000) -> str:
    """Code that logs these topics with `size` bytes of data, the value in the first word."""
    pushed = "".join("7f" + topic for topic in reversed(topics))
    return f"0x7f{value:064x}600052{pushed}60{size:02x}6000a{len(topics):x}00"


def word(address: str) -> str:
    """An address as it stands in a topic, without 0x."""
    return address[2:].lower().rjust(64, "0")
