"""Seldon's behaviour as tests that can be pointed at minimesh or at a real Seldon; README.md says how."""
