"""The contract with users: the spec they write, the status they read, the reasons they meet, and the CRD made of them.

Pure: text and numbers in, frozen records out. Nothing here knows Kubernetes clients, Prometheus or the clock.
"""
