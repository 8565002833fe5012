"""One bucket of an S3-compatible store: list, read, write, and every failure as one sentence."""

import configparser
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import certifi
import urllib3
from minio import Minio
from minio.credentials.providers import AWSConfigProvider, ChainedProvider, EnvAWSProvider, IamAwsProvider, Provider
from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, SSLError

_AWS = "https://s3.amazonaws.com"
_CHAIN = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role"


class StoreError(Exception):
    """The store did not do what was asked; the sentence says what, where, and the cure."""


@dataclass(frozen=True)
class Store:
    """A bucket; keys have no leading slash. Every method raises StoreError."""

    bucket: str
    endpoint: str
    client: Minio

    def uri(self, key: str) -> str:
        """The address that Seldon's rclone takes, for a remote of the name `s3`."""
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`."""
        with self._explained(f"listing {self.uri(prefix)}"):
            found = self.client.list_objects(self.bucket, prefix=prefix, recursive=True)
            return [str(item.object_name) for item in found]

    def get(self, key: str) -> bytes:
        with self._explained(f"reading {self.uri(key)}"):
            response = self.client.get_object(self.bucket, key)
            try:
                return response.data
            finally:
                response.release_conn()

    def put(self, key: str, content: bytes) -> None:
        """Write an object. The request carries the content's digest, so that a torn upload leaves none."""
        with self._explained(f"writing {self.uri(key)}"):
            self.client.put_object(self.bucket, key, BytesIO(content), len(content))

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        with self._explained(f"deleting {self.uri(key)}"):
            self.client.remove_object(self.bucket, key)

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            raise StoreError(f"{doing}: {self._refusal(error.code, error.message)}") from error
        except (InvalidResponseError, ParseError) as error:
            raise StoreError(f"{doing}: {self._unlabelled(str(error))}") from error
        except HTTPError as error:
            raise StoreError(f"{doing}: {_failure(error, self.endpoint)}") from error
        except (MinioException, ValueError) as error:
            raise StoreError(f"{doing}: {_one_line(error)}") from error

    def _unlabelled(self, answer: str) -> str:
        """Some stores (rclone) send their errors as S3's XML and do not call it XML; anything else is no store."""
        code, message = (re.search(rf"<{tag}>(.*?)</{tag}>", answer, re.DOTALL) for tag in ("Code", "Message"))
        if code:
            return self._refusal(code[1], message and message[1])
        return f"what answers at {self.endpoint} speaks no S3; check --endpoint."

    def _refusal(self, code: str | None, message: str | None) -> str:
        """What the store's own code means for whoever pushes."""
        match code:
            case "NoSuchBucket":
                return f"there is no bucket '{self.bucket}' at {self.endpoint}; create it or name another."
            case "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken":
                return f"{self.endpoint} does not take the credentials ({code}); {_CHAIN}."
            case "AccessDenied":
                return (
                    f"{self.endpoint} does not allow it ({code}); give the identity s3:ListBucket on "
                    f"'{self.bucket}' and s3:GetObject, s3:PutObject and s3:DeleteObject in it."
                )
            case "PermanentRedirect" | "Redirect" | "AuthorizationHeaderMalformed":
                return f"the bucket is in another region ({_one_line(message)}); name it with --region."
        return f"{self.endpoint} answers {code}: {_one_line(message)}"


def connect(bucket: str, endpoint: str | None, region: str | None) -> Store:
    """The bucket, with credentials of AWS's standard chain; the store is not asked yet. Raises StoreError."""
    address = (endpoint or _AWS).rstrip("/")
    scheme, _, host = address.partition("://")
    if scheme not in ("http", "https") or not host:
        raise StoreError(f"--endpoint is '{endpoint}': it must begin with http:// or https:// and name a host.")
    try:
        client = Minio(
            host,
            secure=scheme == "https",
            # Without a region the library asks the store for it, which takes one more permission.
            region=region or _region_of(endpoint),
            http_client=_http(),
            credentials=_credentials(),
        )
    except ValueError as error:
        raise StoreError(f"--endpoint is '{endpoint}' and --region '{region}': {_one_line(error)}.") from error
    return Store(bucket, address, client)


def _region_of(endpoint: str | None) -> str | None:
    known = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return known or ("us-east-1" if endpoint else None)


def _http() -> urllib3.PoolManager:
    """Two more tries after half a second; an answer that stays bad is returned for its own words."""
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=10, read=60),
        retries=urllib3.Retry(
            total=2, backoff_factor=0.5, status_forcelist=[500, 502, 503, 504], raise_on_status=False
        ),
        ca_certs=os.environ.get("AWS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where(),
    )


def _credentials() -> Provider:
    """Environment, then the profile's file, then the machine's role. Raises StoreError when none of them has any."""
    providers: list[Provider] = [EnvAWSProvider(), AWSConfigProvider()]
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
        # Off the cloud nobody answers there, and nobody shall wait for that.
        impatient = urllib3.PoolManager(timeout=2, retries=False)
        providers.append(IamAwsProvider(http_client=impatient))
    chain = ChainedProvider(providers)
    try:
        chain.retrieve()
    except (ValueError, KeyError, OSError, HTTPError, configparser.Error) as error:
        raise StoreError(f"there are no credentials for the store; {_CHAIN}.") from error
    return chain


def _failure(error: HTTPError, endpoint: str) -> str:
    """Why no answer came."""
    cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    match cause:
        case NewConnectionError() | ConnectTimeoutError():
            host = urlsplit(endpoint).netloc
            return f"nobody answers at {endpoint}; check --endpoint, and that this machine reaches {host}."
        case SSLError():
            return f"{endpoint} shows no certificate trusted here; name its authority's file in AWS_CA_BUNDLE."
    return f"{endpoint} broke off ({_one_line(cause)}); push again."


def _one_line(said: object) -> str:
    return " ".join(str(said).split())
