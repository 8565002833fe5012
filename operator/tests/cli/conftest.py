"""What every test of the plugin may ask for."""

import pytest
from cli_corpus import NAMES, found
from modelrollout.cli import views
from modelrollout.cli.views import Rollout


@pytest.fixture(params=NAMES)
def named(request: pytest.FixtureRequest) -> str:
    """The name of each object of the corpus."""
    return str(request.param)


@pytest.fixture
def seen(named: str) -> Rollout:
    """The view of each."""
    return views.rollout(found(named))
