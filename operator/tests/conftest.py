"""Makes `factories` importable in every folder below, and says how hard the property tests try."""

import os

from hypothesis import HealthCheck, Phase, settings

# A red run must be red again on the next machine; a busy machine must not make a test red.
STEADY = settings(derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", STEADY)
# Ten thousand histories of rollouts, by `make properties`.
settings.register_profile("properties", STEADY, derandomize=False, max_examples=2000)
# To look for failures while writing a test: shrinking one takes longer than finding the next.
settings.register_profile("unshrunk", STEADY, derandomize=False, phases=(Phase.explicit, Phase.generate))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
