"""Settings of the process, from the environment, checked once at the door."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.api.contract import DURATION, seconds
from modelrollout.errors import SettingsInvalid

PREFIX = "MODELROLLOUT_"


@dataclass(frozen=True)
class Settings:
    """How this operator runs. Ports of 0 mean: not served."""

    prometheus_address: str = "http://prometheus-operated.monitoring:9090"
    scrape_seconds: float = 15.0
    host: str = "127.0.0.1"
    metrics_port: int = 0
    health_port: int = 0
    log_format: str = "text"


def read(environment: Mapping[str, str]) -> Settings:
    """The settings that the environment asks for. Raises SettingsInvalid with one sentence for a value or a name."""
    given = {key.removeprefix(PREFIX): value for key, value in environment.items() if key.startswith(PREFIX) and value}
    default = Settings()
    settings = Settings(
        prometheus_address=_address(given.pop("PROMETHEUS_ADDRESS", default.prometheus_address)),
        scrape_seconds=_seconds("SCRAPE_INTERVAL", given.pop("SCRAPE_INTERVAL", "15s")),
        host=given.pop("HOST", default.host),
        metrics_port=_port("METRICS_PORT", given.pop("METRICS_PORT", "0")),
        health_port=_port("HEALTH_PORT", given.pop("HEALTH_PORT", "0")),
        log_format=_one_of("LOG_FORMAT", given.pop("LOG_FORMAT", default.log_format), ("text", "json")),
    )
    if given:
        raise SettingsInvalid(f"{PREFIX}{min(given)} is no setting of the operator: check its spelling, or remove it")
    return settings


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise SettingsInvalid(f"{PREFIX}PROMETHEUS_ADDRESS is '{value}': it must begin with http:// or https://")
    return value


def _seconds(name: str, value: str) -> float:
    if not re.fullmatch(DURATION, value) or seconds(value) <= 0:
        raise SettingsInvalid(f"{PREFIX}{name} is '{value}': write a duration above 0 like 15s or 1m")
    return seconds(value)


def _port(name: str, value: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", value) or int(value) > 65535:
        raise SettingsInvalid(f"{PREFIX}{name} is '{value}': write a port from 0 to 65535; 0 turns it off")
    return int(value)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingsInvalid(f"{PREFIX}{name} is '{value}': write one of {', '.join(allowed)}")
    return value
