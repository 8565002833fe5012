"""Settings of the process, from the environment, checked once at the door."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.api.contract import DURATION, NAME, seconds
from modelrollout.errors import SettingsInvalid

PREFIX = "MODELROLLOUT_"
LONGEST_NAME = 63


@dataclass(frozen=True)
class Settings:
    """How this operator runs. Ports of 0 mean: not served. No name of a Lease means: one replica, and no election."""

    prometheus_address: str = "http://prometheus-operated.monitoring:9090"
    scrape_seconds: float = 15.0
    host: str = "127.0.0.1"
    metrics_port: int = 0
    health_port: int = 0
    log_format: str = "text"
    lease_name: str = ""
    lease_namespace: str = ""


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
        lease_name=_object_name("LEASE_NAME", given.pop("LEASE_NAME", default.lease_name)),
        lease_namespace=_object_name("LEASE_NAMESPACE", given.pop("LEASE_NAMESPACE", default.lease_namespace)),
    )
    _both(settings)
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


def _object_name(name: str, value: str) -> str:
    if value and not (re.fullmatch(NAME, value) and len(value) <= LONGEST_NAME):
        cure = f"write lower-case letters, digits and dashes, {LONGEST_NAME} at most, like modelrollout"
        raise SettingsInvalid(f"{PREFIX}{name} is '{value}': {cure}")
    return value


def _both(settings: Settings) -> None:
    """A Lease lives in a namespace: one of the two alone is a slip."""
    if settings.lease_name and not settings.lease_namespace:
        raise SettingsInvalid(
            f"{PREFIX}LEASE_NAMESPACE is missing: write the namespace of the Lease {settings.lease_name},"
            f" or remove {PREFIX}LEASE_NAME to run one replica without election"
        )
    if settings.lease_namespace and not settings.lease_name:
        raise SettingsInvalid(
            f"{PREFIX}LEASE_NAME is missing: write the name of the Lease that the replicas share,"
            f" or remove {PREFIX}LEASE_NAMESPACE to run one replica without election"
        )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingsInvalid(f"{PREFIX}{name} is '{value}': write one of {', '.join(allowed)}")
    return value
