"""The contract with users: the spec they write, the status they read, the reasons they meet, the CRD generated from all.

Pure: text and numbers in, frozen records out. Nothing here knows Kubernetes clients, Prometheus or the clock.
"""
