"""A real Kubernetes node on this machine without a container engine: pods, for what plain processes cannot show.

The node has mount, process, network, host-name and IPC namespaces of its own, so every port is Kubernetes' default,
several nodes run beside each other, and one kill ends everything. What Debian packages hold comes from the packages,
unpacked into `.cache/node`; nothing is installed.

That folder holds about 2 GB, and 2 GB more for each node that ever ran beside others: of images, the last two builds
of each stay, and a node's containerd keeps the newest alone. It may be deleted whenever no node runs.
"""
