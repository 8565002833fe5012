"""The benchmark: what the operator costs and how fast it is, on real parts. It prints figures and asserts nothing."""
