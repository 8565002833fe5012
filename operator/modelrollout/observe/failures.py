"""The one place where foreign errors become ours: refused, slow, untrusted, denied, or not Prometheus at all."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator

import requests
import urllib3
from prometheus_api_client.exceptions import PrometheusApiClientException

from modelrollout import errors

MOST_ERROR_TEXT = 200


class NotTheApiError(Exception):
    """An answer that cannot be a query's result: status, content type and the beginning of the body."""

    def __init__(self, status: int, content_type: str, body: bytes) -> None:
        super().__init__(status)
        self.status, self.content_type, self.body = status, content_type, body


class EndlessAnswerError(Exception):
    """More bytes or more seconds than any answer to a query of ours."""


class NotAVectorError(Exception):
    """The query was evaluated, but to something that is no number per series."""


FOREIGN = (
    NotTheApiError,
    NotAVectorError,
    EndlessAnswerError,
    PrometheusApiClientException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # not JSON; a number that is none; an address that is none
    KeyError,  # JSON of another shape, and so the two below
    TypeError,
    IndexError,
)


def translated(error: BaseException, address: str, timeout_seconds: float) -> errors.MetricsError:
    """The error of ours for anything in FOREIGN: one stable sentence with the address and, where known, the cure."""
    prometheus = f"Prometheus at {address}"
    match error:
        case NotTheApiError():
            return _translated_answer(error, prometheus)
        case NotAVectorError():
            return errors.QueryRefused(f"The query cannot be used: {error}.")
        case requests.exceptions.SSLError() | ssl.SSLError():
            return _translated_tls(error, prometheus)
        case requests.exceptions.Timeout() | TimeoutError():
            return too_slow(address, timeout_seconds)
        case (
            requests.exceptions.ContentDecodingError()
            | requests.exceptions.ChunkedEncodingError()
            | EndlessAnswerError()
        ):
            return errors.MetricsMalformed(f"{prometheus} began an answer that does not end or cannot be read.")
        case requests.exceptions.InvalidHeader():
            return errors.MetricsDenied(f"The token for {prometheus} holds characters that no HTTP header may hold.")
        case requests.exceptions.TooManyRedirects():
            return errors.MetricsMalformed(f"{prometheus} redirects without end: check the address.")
        case requests.exceptions.JSONDecodeError():
            return errors.MetricsMalformed(f"{prometheus} answers something that is not JSON: check the address.")
        case requests.exceptions.ConnectionError() | urllib3.exceptions.HTTPError() | http.client.HTTPException():
            return _translated_connection(error, prometheus)
        case requests.RequestException() | UnicodeError():
            return errors.MetricsUnavailable(f"The address {address!r} is not one that HTTP can reach.")
        case OSError():
            return _translated_connection(error, prometheus)
    return errors.MetricsMalformed(f"{prometheus} answers JSON that is not the Prometheus API's: check the address.")


def too_slow(address: str, timeout_seconds: float) -> errors.MetricsUnavailable:
    return errors.MetricsUnavailable(f"Prometheus at {address} did not answer within {timeout_seconds:g} s.")


def _translated_answer(answer: NotTheApiError, prometheus: str) -> errors.MetricsError:
    said = _error_text(answer.body)
    if answer.status in (401, 403):
        return errors.MetricsDenied(
            f"{prometheus} refuses the credentials (HTTP {answer.status}): check the token or password."
        )
    if said is not None and answer.status in (400, 422):
        return errors.QueryRefused(f"Prometheus refuses the query: {said}")
    if answer.status >= 500 or answer.status == 429:
        why = f": {said}" if said is not None else "."
        return errors.MetricsUnavailable(f"{prometheus} is in trouble (HTTP {answer.status}){why}")
    if "html" in answer.content_type:
        return errors.MetricsMalformed(f"{prometheus} answers HTML, not the Prometheus API: check the path.")
    return errors.MetricsMalformed(
        f"{prometheus} answers HTTP {answer.status}, not the Prometheus API: check the path."
    )


def _error_text(body: bytes) -> str | None:
    """What Prometheus itself says went wrong, on one line and shortened; None when it is not Prometheus that speaks."""
    try:
        text = " ".join(str(json.loads(body)["error"]).split())
    except (ValueError, KeyError, TypeError):
        return None
    return text if len(text) <= MOST_ERROR_TEXT else text[: MOST_ERROR_TEXT - 1] + "…"


def _translated_tls(error: BaseException, prometheus: str) -> errors.MetricsUnavailable:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return errors.MetricsUnavailable(
                f"The TLS certificate of {prometheus} is not trusted: {cause.verify_message}: check its CA certificate."
            )
    return errors.MetricsUnavailable(f"TLS with {prometheus} fails: check that it speaks https and the CA is PEM.")


def _translated_connection(error: BaseException, prometheus: str) -> errors.MetricsUnavailable:
    for cause in _causes(error):
        match cause:
            case urllib3.exceptions.NameResolutionError() | urllib3.exceptions.LocationParseError():
                return errors.MetricsUnavailable(f"The host name of {prometheus} cannot be resolved.")
            case TimeoutError():
                return errors.MetricsUnavailable(f"{prometheus} stopped in the middle of an answer.")
            case ConnectionRefusedError():
                return errors.MetricsUnavailable(f"{prometheus} refuses the connection: is it running, on this port?")
            case ConnectionError() | urllib3.exceptions.ProtocolError():
                return errors.MetricsUnavailable(f"{prometheus} closed the connection without an answer.")
    return errors.MetricsUnavailable(f"{prometheus} cannot be reached.")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies beneath it; requests and urllib3 keep that in `args`, `reason` or the cause."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop()
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting += [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
