"""Makes `factories` importable in every folder below, and says how hard the property tests try."""

import os

from hypothesis import settings

# A red run must be red again on the next machine; a busy machine must not make a test red.
settings.register_profile("default", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
