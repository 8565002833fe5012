"""The demo: one good candidate is promoted and two bad ones are rolled back, on real parts, while a person watches."""
