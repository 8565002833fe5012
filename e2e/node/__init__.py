"""A real Kubernetes node on this machine without a container engine: pods, for what plain processes cannot show.

The node has mount, process, network, host-name and IPC namespaces of its own, so every port is Kubernetes' default,
several nodes run beside each other, and one kill ends everything. What Debian packages hold comes from the packages,
unpacked into `.cache/node`; nothing is installed.
"""
