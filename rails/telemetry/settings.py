"""How a process tells of itself."""

import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class TelemetrySettings(BaseSettings):
    """Log lines, and where measures are read."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", frozen=True)

    log_format: Literal["text", "json"] = Field(default="text", description="json writes an object a line")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO")
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="where Prometheus reads this process; 0 measures for nobody"
    )
    metrics_host: str = Field(default="127.0.0.1", min_length=1, description="never a public address")
    metrics_seconds: float = Field(
        default=10, ge=1, le=300, description="how long figures read from the database are told again"
    )


class TraceSettings(BaseSettings):
    """Where spans go, by OTLP over HTTP. Empty: nowhere. Its other variables are OpenTelemetry's own."""

    model_config = SettingsConfigDict(env_prefix="OTEL_", frozen=True)

    exporter_otlp_endpoint: str = Field(default="", description="as http://collector:4318")


def measure_together(folder: Path) -> None:
    """Have this process and those it forks keep their measures in files of `folder`, to be added up.

    Before prometheus_client is first imported: it decides then.
    """
    assert "prometheus_client" not in sys.modules, "too late: measures are kept in memory already"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
