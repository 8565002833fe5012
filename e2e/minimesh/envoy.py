"""Routes as Envoy resources: two route tables and the clusters behind them. Pure.

Weighted clusters cannot rewrite the path each in its own way, so every model version has a cluster that leads to
the agent (a third listener of the same Envoy, see bootstrap.py), which reads `seldon-internal-model`.
"""

from __future__ import annotations

from typing import Any

from e2e.minimesh.routing import Route, Table, Target, cluster_of

Resource = dict[str, Any]

DATA_TABLE = "listener_0"
MIRROR_TABLE = "listener_1"
MIRROR_CLUSTER = "minimesh_mirror"

_ROUTE_CONFIGURATION = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_HEADER_MODEL = "seldon-model"
_HEADER_INTERNAL_MODEL = "seldon-internal-model"
_HEADER_ROUTE = "x-seldon-route"


def route_configuration(name: str, routes: tuple[Route, ...], version: str) -> Resource:
    """One route table as the file Envoy watches.

    In MIRROR_TABLE the mirrors' own routes come first and the data routes follow, so that Envoy refuses both tables
    for the same fault.
    """
    copies = _mirror_routes(routes) if name == MIRROR_TABLE else []
    entries = copies + _data_routes(routes)
    host = {"name": "minimesh", "domains": ["*"], "routes": entries}
    return _response(version, {"@type": _ROUTE_CONFIGURATION, "name": name, "virtual_hosts": [host]})


def clusters(table: Table, agent_port: int, version: str) -> Resource:
    """The clusters of all model versions as the file Envoy watches."""
    return _response(version, *(_cluster(internal_name, agent_port) for internal_name in table.internal_names))


def loopback(port: int) -> Resource:
    """An endpoint list with one port of this machine."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}


def _response(version: str, *resources: Resource) -> Resource:
    return {"version_info": version, "resources": list(resources)}


def _cluster(internal_name: str, agent_port: int) -> Resource:
    name = cluster_of(internal_name)
    return {
        "@type": _CLUSTER,
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, **loopback(agent_port)},
        "circuit_breakers": {"thresholds": [{"max_retries": 5}]},
    }


def _data_routes(routes: tuple[Route, ...]) -> list[Resource]:
    return [entry for route in routes for entry in (*_sticky_routes(route), _split_route(route))]


def _mirror_routes(routes: tuple[Route, ...]) -> list[Resource]:
    return [_whole(route.key, route.mirror) for route in routes if route.mirror]


def _sticky_routes(route: Route) -> list[Resource]:
    """One per version, no retry, no mirror; none at all when there is nothing to choose from."""
    if len(route.targets) < 2:
        return []
    return [
        {
            "match": _match(route.key, {"name": _HEADER_ROUTE, "string_match": {"contains": target.sticky_value}}),
            "route": {"cluster": target.cluster, "timeout": "0s"},
            **_headers(target),
        }
        for target in route.targets
    ]


def _split_route(route: Route) -> Resource:
    # Weight 0 stays in the list: Envoy never picks it, but refuses the whole table when the sum is 0.
    weighted = [{"name": target.cluster, "weight": target.weight, **_headers(target)} for target in route.targets]
    action: Resource = {"weighted_clusters": {"clusters": weighted}, "timeout": "0s", "retry_policy": _retries()}
    if route.mirror:
        action["request_mirror_policies"] = [_mirror_policy(route.mirror.weight)]
    unpinned = {"name": _HEADER_ROUTE, "present_match": False}
    return {"match": _match(route.key, unpinned), "route": action}


def _whole(key: str, target: Target) -> Resource:
    action = {"cluster": target.cluster, "timeout": "0s", "retry_policy": _retries()}
    return {"match": _match(key), "route": action, **_headers(target)}


def _match(key: str, *more: Resource) -> Resource:
    return {"prefix": "/v2", "headers": [{"name": _HEADER_MODEL, "string_match": {"exact": key}}, *more]}


def _headers(target: Target) -> Resource:
    return {
        "request_headers_to_add": [_header(_HEADER_INTERNAL_MODEL, target.internal_name)],
        "response_headers_to_add": [_header(_HEADER_ROUTE, target.sticky_value)],
    }


def _header(name: str, value: str) -> Resource:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _retries() -> Resource:
    return {"retry_on": "5xx,connect-failure", "num_retries": 5, "retry_back_off": {"base_interval": "0.5s"}}


def _mirror_policy(percent: int) -> Resource:
    # Envoy takes at most 100 %; Seldon was seen to treat 250 as 100.
    share = {"default_value": {"numerator": min(percent, 100), "denominator": "HUNDRED"}}
    return {"cluster": MIRROR_CLUSTER, "runtime_fraction": share}
