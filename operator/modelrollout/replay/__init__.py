"""Looks of the past, judged again: a finished rollout from Prometheus, or a spec over the history of two models."""
