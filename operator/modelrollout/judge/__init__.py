"""Numbers in, verdict out. Nothing here knows the object, Prometheus, Seldon or the clock.

Counts (`evidence`) of a block are fed to the tests of a guardrail (`rule`, built by `rules`), which keep one FAIL and
one PASS e-process each (`guardrails`, on `bank`, `merging`, `eprocess`); `verdicts` turns the readings of all
guardrails into Pass, Fail or Inconclusive. Those verdicts hold with their error rates however often one looks.
One idea per file: likelihoods (`proportions`, `ratios`, `differences`, `betting`, `means`), bets (`priors`), second
starts (`restarts`), how far traffic scatters beyond chance (`dispersion`), bucket edges (`histograms`, `edges`), what
people are shown (`estimates`, `intervals`, `figures`), when a verdict will come (`forecast`, `growth`, `passages`) and
what never will (`advice`), several candidates (`multiple`), the traffic split (`split`), values that are no counts
(`thresholds`), and the stored form (`codec`). All of it runs over a leading axis of runs, so that the operator (one
run) and a simulation (thousands) are the same code.
"""
