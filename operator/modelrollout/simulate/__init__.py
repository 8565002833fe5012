"""The test bench of the judge: worlds of traffic, our rules beside those of others, tables and pictures.

A world (`worlds`: traffic, what is measured in `qualities`, how it is shared in `shares`) happens look by look to
hundreds of independent rollouts at once; `runs` shows every look to our judge (`ours`) and to the rules of other tools
(`peers`) and keeps the first Fail and the first Pass of each. `summary` makes rates and medians of them, `oracle` the
yardstick, `tables` and `pictures` what people read. `bench` makes docs/validity.md, `command` is the user's tool.
All chance is drawn from seeds that are the names of the worlds: the same numbers on every machine.
"""
