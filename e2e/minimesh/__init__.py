"""A stand-in for Seldon Core v2 on a machine without containers.

It plays the Experiment and Model controllers on a real API server, loads models into a real MLServer and
programs a real Envoy. README.md says what it plays and what it leaves out.

    objects -> desired -> routing -> envoy -> proxy        (pure up to `envoy`; `proxy` writes files)
    objects -> experiments, models -> scheduler -> statuses -> objects' status
"""
