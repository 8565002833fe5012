"""Makes `factories` importable in every folder below, and says how hard the property tests try."""

import os

from hypothesis import Phase, settings

# A red run must be red again on the next machine; a busy machine must not make a test red.
settings.register_profile("default", derandomize=True, deadline=None, print_blob=True)
# Ten thousand histories of rollouts, by `make properties`.
settings.register_profile("properties", max_examples=2000, deadline=None, print_blob=True)
# To look for failures while writing a test: shrinking one takes longer than finding the next.
settings.register_profile("unshrunk", deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
