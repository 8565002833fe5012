import pytest
from modelrollout import settings
from modelrollout.errors import SettingsInvalid
from modelrollout.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert settings.read({"PATH": "/bin"}) == Settings()


def test_every_setting_can_be_given() -> None:
    given = {
        "MODELROLLOUT_PROMETHEUS_ADDRESS": "https://prometheus:9090",
        "MODELROLLOUT_SCRAPE_INTERVAL": "1m30s",
        "MODELROLLOUT_HOST": "::1",
        "MODELROLLOUT_METRICS_PORT": "8080",
        "MODELROLLOUT_HEALTH_PORT": "8081",
        "MODELROLLOUT_LOG_FORMAT": "json",
        "MODELROLLOUT_LEASE_NAME": "rollouts-modelrollout",
        "MODELROLLOUT_LEASE_NAMESPACE": "ml",
    }

    assert settings.read(given) == Settings(
        "https://prometheus:9090", 90.0, "::1", 8080, 8081, "json", "rollouts-modelrollout", "ml"
    )


def test_an_empty_value_means_the_default() -> None:
    assert settings.read({"MODELROLLOUT_METRICS_PORT": ""}) == Settings()


REFUSED = {
    "an address without a scheme": ("PROMETHEUS_ADDRESS", "prometheus:9090", "must begin with http:// or https://"),
    "a duration in words": ("SCRAPE_INTERVAL", "5 minutes", "write a duration above 0 like 15s or 1m"),
    "a duration with something behind it": ("SCRAPE_INTERVAL", "15s\n", "write a duration above 0 like 15s or 1m"),
    "no time at all": ("SCRAPE_INTERVAL", "0s", "write a duration above 0 like 15s or 1m"),
    "a port in words": ("METRICS_PORT", "http", "write a port from 0 to 65535; 0 turns it off"),
    "a port that does not exist": ("HEALTH_PORT", "65536", "write a port from 0 to 65535; 0 turns it off"),
    "a digit that is none": ("HEALTH_PORT", "²", "write a port from 0 to 65535; 0 turns it off"),
    "a format nobody writes": ("LOG_FORMAT", "xml", "write one of text, json"),
    "a Lease that no object can be called": ("LEASE_NAME", "My Lease", "write lower-case letters, digits and dashes"),
    "a Lease with too long a name": ("LEASE_NAME", "l" * 64, "63 at most"),
    "a name with a typo": ("METRIC_PORT", "8080", "is no setting of the operator: check its spelling, or remove it"),
}


@pytest.mark.parametrize(("name", "value", "cure"), REFUSED.values(), ids=REFUSED)
def test_a_setting_is_refused_with_its_name_and_the_cure(name: str, value: str, cure: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"MODELROLLOUT_{name} is ") as refused:
        settings.read({f"MODELROLLOUT_{name}": value})

    assert cure in str(refused.value)


@pytest.mark.parametrize(("given", "missing"), [("LEASE_NAME", "LEASE_NAMESPACE"), ("LEASE_NAMESPACE", "LEASE_NAME")])
def test_a_lease_needs_its_name_and_its_namespace(given: str, missing: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"MODELROLLOUT_{missing} is missing: .* or remove MODELROLLOUT_{given}"):
        settings.read({f"MODELROLLOUT_{given}": "ml"})
