"""`kubectl modelrollout`: what people see of a rollout, and what they tell it.

One file per command, imported only when that command is used, so that each starts at once. The cluster is reached
through `kubectl` alone (`kube`): contexts, credential plugins and `--as` work as they do everywhere. A status is read
as plain JSON through one typed view (`views`), never through pydantic. Nothing here decides anything.
"""
