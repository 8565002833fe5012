"""Reading the world: PromQL, Prometheus, and what a look makes of the answers.

`sources` lists the metrics, `queries` writes PromQL (pure), `prometheus` is the
only module that speaks HTTP, `failures` says what went wrong there, `batching` merges what many rollouts ask for the
same tick into one query, and `looks` is the door: a look is asked for as one record of `evidence` and comes back as
counts of both arms, or as a stated reason why not.

Nothing here judges, and nothing here reads the clock: evaluation times are arguments.
"""
