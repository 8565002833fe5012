"""The agent's metrics, counted from what Envoy's agent listener reports: one record per attempt.

Envoy sends batches in the Fluentd forward protocol, which is MessagePack; `unpack` reads the part of it Envoy writes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

SERVER = "mlserver"
REPLICA = "0"
_METHOD_TYPE = "rest"
_SERVER_LABELS = ("server", "server_replica")
_MODEL_LABELS = (*_SERVER_LABELS, "model", "model_internal", "method_type", "code")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_ANSWERED_BY_MLSERVER = "via_upstream"
log = logging.getLogger(__name__)


class Incomplete(Exception):
    """The bytes end in the middle of a value."""


class Attempts:
    """Counts attempts; series live as long as this process, whatever happens to models and Envoy."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # Seldon's agent has no such series
        self._registry = CollectorRegistry()
        self._total = Counter(
            "seldon_model_infer", "Attempts that MLServer answered.", _MODEL_LABELS, registry=self._registry
        )
        self._seconds = Counter(
            "seldon_model_infer_seconds", "Seconds spent on them.", _MODEL_LABELS, registry=self._registry
        )
        self._api_seconds = Histogram(
            "seldon_model_infer_api_seconds",
            "Seconds of all attempts, also of those that found no server.",
            (*_SERVER_LABELS, "method", "code"),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def count(self, record: dict[str, Any]) -> None:
        """One attempt. Without an answer from MLServer only the histogram without model labels moves."""
        internal_name, code = record["model"], str(record["code"])
        if not internal_name:
            return  # not through the data plane
        seconds = (record["microseconds"] or 0) / 1e6
        self._api_seconds.labels(SERVER, REPLICA, _METHOD_TYPE, code).observe(seconds)
        if record["details"] == _ANSWERED_BY_MLSERVER:
            model = internal_name.rpartition("_")[0]
            labels = (SERVER, REPLICA, model, internal_name, _METHOD_TYPE, code)
            self._total.labels(*labels).inc()
            self._seconds.labels(*labels).inc(seconds)

    def exposition(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    async def serve(self, pipe: str) -> None:
        """Read reports from an abstract socket (`@name`) for ever."""
        server = await asyncio.start_unix_server(self._read, path="\0" + pipe.removeprefix("@"))
        async with server:
            await server.serve_forever()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = b""
        while data := await reader.read(1 << 16):
            buffer += data
            buffer = self._take_batches(buffer)
        writer.close()

    def _take_batches(self, buffer: bytes) -> bytes:
        """Count every whole batch; return the bytes of the last, broken one."""
        position = 0
        while position < len(buffer):
            try:
                (_tag, entries), position = unpack(buffer, position)
            except Incomplete:
                break
            for _time, record in entries:
                self.count(record)
        return buffer[position:]


def unpack(data: bytes, at: int) -> tuple[Any, int]:
    """One MessagePack value at a position, and the position after it; Incomplete when the bytes end too early."""
    if at >= len(data):
        raise Incomplete
    kind, at = data[at], at + 1
    if kind <= 0x7F:
        return kind, at
    if kind <= 0x8F:
        return _map(data, at, kind & 0x0F)
    if kind <= 0x9F:
        return _array(data, at, kind & 0x0F)
    if kind <= 0xBF:
        return _text(data, at, kind & 0x1F)
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind in _UNSIGNED:
        return _unsigned(data, at, _UNSIGNED[kind])
    width, read = _SIZED[kind]
    size, at = _unsigned(data, at, width)
    return read(data, at, size)


def _unsigned(data: bytes, at: int, width: int) -> tuple[int, int]:
    return int.from_bytes(_slice(data, at, width)), at + width


def _text(data: bytes, at: int, size: int) -> tuple[str, int]:
    return _slice(data, at, size).decode(), at + size


def _array(data: bytes, at: int, size: int) -> tuple[list[Any], int]:
    values = []
    for _ in range(size):
        value, at = unpack(data, at)
        values.append(value)
    return values, at


def _map(data: bytes, at: int, size: int) -> tuple[dict[Any, Any], int]:
    flat, at = _array(data, at, 2 * size)
    return dict(zip(flat[::2], flat[1::2], strict=True)), at


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise Incomplete
    return data[at : at + size]


_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_UNSIGNED = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_SIZED = {0xD9: (1, _text), 0xDA: (2, _text), 0xDB: (4, _text), 0xDC: (2, _array), 0xDD: (4, _array), 0xDE: (2, _map)}
