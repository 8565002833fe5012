"""The operator in pods: the checkout's image on the node, and what the chart must be told to run it there."""

from __future__ import annotations

import json

from e2e.node.images import OPERATOR, TAG, Images
from e2e.node.node import Node
from e2e.stack.access import SECONDS_FOR_A_COMMAND, Access

SERVICE = "prometheus"


def values(node: Node, access: Access, prometheus_port: int, scrape_seconds: float) -> dict[str, object]:
    """The chart's values, once the image is built, the node has it, and a Service leads to Prometheus."""
    images = Images(node.say)
    node.load(images, images.build())
    node.offer(prometheus_port)
    access.kubectl(
        "apply", "-f", "-", input=json.dumps(_service(node.place.machine, prometheus_port, access.namespace))
    )
    return {
        "image.repository": OPERATOR,
        "image.tag": TAG,
        "image.pullPolicy": "Never",
        "prometheus.address": f"http://{SERVICE}.{access.namespace}:9090",
        "prometheus.scrapeInterval": f"{round(1000 * scrape_seconds)}ms",
    }


def wait(access: Access, release: str) -> None:
    """Until every pod of the newest Deployment is Ready; raises `CommandError` when they do not become so."""
    which = f"--selector=app.kubernetes.io/instance={release}"
    patience = f"--timeout={SECONDS_FOR_A_COMMAND - 10}s"
    access.kubectl("rollout", "status", "deployment", which, "--namespace", access.namespace, patience)


def _service(machine: str, port: int, namespace: str) -> dict[str, object]:
    """A name for what runs beside the node, so that the operator finds Prometheus as it does in any cluster."""
    named = {"name": SERVICE, "namespace": namespace}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": named,
        "spec": {"ports": [{"name": "http", "port": 9090}]},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**named, "labels": {"kubernetes.io/service-name": SERVICE}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": [machine], "conditions": {"ready": True}}],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [service, endpoints]}
