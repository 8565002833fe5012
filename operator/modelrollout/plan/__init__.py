"""The state machine: what was seen goes in, one decision with its reason comes out. Pure; the heart of the operator.

`machine.next_step(spec, status, world, now)` walks five rooms in this order, each a function from draft to draft:
`attempts` (is this still the same run?), `looks` (count the new evidence), `stages` (stay, go on, roll back),
`steering` (which weights must be written, are they in force?), `standing` (say it: phase, conditions, message).
The types of what may be seen are in `world`, of what may be done in `actions`.
"""
