"""The part of Envoy's configuration that never changes: listeners, the agent, the admin port. Pure.

The two data listeners look up routes in files (envoy.py writes their content). The agent listener plays Seldon's
agent: it puts the internal name of the version into the path, shares 20 connections to MLServer among all models,
and reports every attempt to minimesh, which counts them as the agent's metrics.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.minimesh.envoy import DATA_TABLE, MIRROR_CLUSTER, MIRROR_TABLE, loopback
from e2e.minimesh.settings import Settings

Resource = dict[str, Any]

MLSERVER_CLUSTER = "minimesh_mlserver"
ATTEMPTS_CLUSTER = "minimesh_attempts"
# uvicorn closes an idle connection after 5 s; closing it earlier ourselves avoids writing into a closing one.
_MLSERVER_IDLE = "3s"
# All models of one server replica share this many REST connections.
_AGENT_CONNECTIONS = 20

# uvicorn hangs up after a 500, and a request may already be on its way into the closing connection. Without this
# every failing model would show 502 now and then, which its own counters do not know.
_RETRY_OF_HANG_UPS = {"retry_on": "reset", "num_retries": 2, "retry_back_off": {"base_interval": "0.001s"}}

_NAME_FROM_PATH = """
function envoy_on_request(request)
  local headers = request:headers()
  if headers:get("seldon-model") == nil then
    local name = string.match(headers:get(":path"), "^/v2/models/([^/?]+)")
    if name ~= nil then headers:add("seldon-model", name) end
  end
end
"""

_PATH_FROM_VERSION = """
function envoy_on_request(request)
  local headers = request:headers()
  local version = headers:get("seldon-internal-model")
  local rest = string.match(headers:get(":path"), "^/v2/models/[^/?]+(.*)$")
  if version ~= nil and rest ~= nil then headers:replace(":path", "/v2/models/" .. version .. rest) end
end
"""


def bootstrap(settings: Settings) -> Resource:
    """Envoy's bootstrap; give it to `envoy -c` as YAML or JSON."""
    ports = settings.envoy
    return {
        "node": {"id": "minimesh", "cluster": "minimesh"},
        "admin": {"address": _address(ports.admin_port)},
        "dynamic_resources": {"cds_config": _file(settings.clusters_file, settings.clusters_file.parent)},
        "static_resources": {
            "listeners": [
                _data_listener(settings, DATA_TABLE, "seldon_http", ports.data_port),
                _data_listener(settings, MIRROR_TABLE, "seldon_mirrors", ports.mirror_port),
                _agent_listener(settings),
            ],
            "clusters": [
                _cluster(MIRROR_CLUSTER, loopback(ports.mirror_port)),
                _mlserver_cluster(settings),
                _cluster(ATTEMPTS_CLUSTER, _pipe(settings.attempts_pipe)),
            ],
        },
    }


def _data_listener(settings: Settings, table: str, stat_prefix: str, port: int) -> Resource:
    source = _file(settings.routes_file(table), settings.routes_bell)
    routes = {"rds": {"route_config_name": table, "config_source": source}}
    return _listener(table, port, stat_prefix, _NAME_FROM_PATH, routes)


def _agent_listener(settings: Settings) -> Resource:
    action = {"cluster": MLSERVER_CLUSTER, "timeout": "0s", "retry_policy": _RETRY_OF_HANG_UPS}
    host = {"name": "agent", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": action}]}
    more = {
        "route_config": {"name": "agent", "virtual_hosts": [host]},
        "access_log": [_attempt_log()],
        "local_reply_config": {"mappers": [_bad_gateway()]},
    }
    return _listener("agent", settings.envoy.agent_port, "minimesh_agent", _PATH_FROM_VERSION, more)


def _bad_gateway() -> Resource:
    """A server that cannot be reached, or hangs up, is 502 behind Seldon's agent, not Envoy's own 503."""
    return {"filter": {"response_flag_filter": {"flags": ["UF", "UC", "URX"]}}, "status_code": 502}


def _attempt_log() -> Resource:
    record = {
        "model": "%REQ(seldon-internal-model)%",
        "code": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "microseconds": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
        "method": "%REQ(:METHOD)%",
    }
    return _typed(
        "envoy.access_loggers.fluentd",
        "access_loggers.fluentd.v3.FluentdAccessLogConfig",
        cluster=ATTEMPTS_CLUSTER,
        tag="attempts",
        stat_prefix="attempts",
        buffer_flush_interval="0.2s",
        record=record,
    )


def _listener(name: str, port: int, stat_prefix: str, script: str, more: Resource) -> Resource:
    lua = _typed("lua", "filters.http.lua.v3.Lua", default_source_code={"inline_string": script})
    router = _typed("router", "filters.http.router.v3.Router")
    manager = _typed(
        "http",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=stat_prefix,
        http_filters=[lua, router],
        **more,
    )
    return {"name": name, "address": _address(port), "filter_chains": [{"filters": [manager]}]}


def _mlserver_cluster(settings: Settings) -> Resource:
    cluster = _cluster(MLSERVER_CLUSTER, loopback(settings.mlserver_port))
    plenty = 100_000  # what finds no free connection waits, as in Seldon's agent
    queue = {
        "max_connections": _AGENT_CONNECTIONS,
        "max_pending_requests": plenty,
        "max_requests": plenty,
        "max_retries": plenty,
    }
    return cluster | {
        "circuit_breakers": {"thresholds": [queue]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http_options()},
    }


def _http_options() -> Resource:
    return {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": _MLSERVER_IDLE},
        "explicit_http_config": {"http_protocol_options": {}},
    }


def _cluster(name: str, endpoints: Resource) -> Resource:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, **endpoints},
    }


def _pipe(path: str) -> Resource:
    return {"endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": path}}}}]}]}


def _file(path: Path, watched: Path) -> Resource:
    # Envoy reads the file again after each rename into the watched folder.
    source = {"path": str(path), "watched_directory": {"path": str(watched)}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _address(port: int) -> Resource:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _typed(name: str, kind: str, **fields: Any) -> Resource:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **fields}}
