"""What the agents' commands read from the environment. A library would double their start-up."""

import os
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The settings of the agents' commands. Empty is the same as missing."""

    api_base_url: str = ""
    token: str = field(default="", repr=False)
    config_path: str = ""
    discovery_source: str = ""
    xdg_config_home: str = ""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return name.upper() if name.startswith("xdg_") else f"PENNYRAIL_{name.upper()}"


def read() -> AgentSettings:
    """The settings as the environment has them now."""
    return AgentSettings(
        **{each.name: os.environ.get(variable(each.name), "").strip() for each in fields(AgentSettings)}
    )
