"""The control plane's own certificate authority, certificates and ServiceAccount key."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=30)
SERVICE = "kubernetes.default.svc"
NAMES = ("localhost", "kubernetes", "kubernetes.default", SERVICE, f"{SERVICE}.cluster.local")
ADDRESSES = ("127.0.0.1", "10.0.0.1")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    authority: Path
    server: Pair
    admin: Pair
    controller_manager: Pair
    service_accounts: Path
    """The key that signs ServiceAccount tokens."""


class Authority:
    """Signs certificates into one directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("modelrollout-stack")
        usage = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._start(self._name, self._key).add_extension(usage, critical=True)
        self.file = directory / "ca.crt"
        self._write(self.file, certificate.sign(self._key, hashes.SHA256()))

    def server(self, name: str, addresses: Iterable[str] = ADDRESSES) -> Pair:
        """A certificate for a server at these addresses, by default on this machine."""
        listed = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        names = x509.SubjectAlternativeName([*(x509.DNSName(each) for each in NAMES), *listed])
        return self._sign(name, _name(name), ExtendedKeyUsageOID.SERVER_AUTH, names)

    def client(self, name: str, group: str = "") -> Pair:
        """A certificate that makes its bearer the user `name`, member of `group`."""
        return self._sign(name.replace(":", "-"), _name(name, group), ExtendedKeyUsageOID.CLIENT_AUTH)

    def key(self, name: str) -> Path:
        """A private key alone."""
        return self._write_key(name, ec.generate_private_key(ec.SECP256R1()))

    def _sign(
        self,
        file: str,
        subject: x509.Name,
        purpose: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None = None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._start(subject, key).add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if names:
            builder = builder.add_extension(names, critical=False)
        pair = Pair(self._directory / f"{file}.crt", self._write_key(file, key))
        self._write(pair.certificate, builder.sign(self._key, hashes.SHA256()))
        return pair

    def _start(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        # An hour back: a clock that is set back a little must not make the certificate one of the future.
        begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + LIFETIME)
        )

    def _write(self, file: Path, certificate: x509.Certificate) -> None:
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _write_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> Path:
        file = self._directory / f"{name.replace(':', '-')}.key"
        file.touch(mode=0o600)
        # Not PKCS8: kube-apiserver takes the public half from the older form only.
        encoding = (
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        file.write_bytes(key.private_bytes(*encoding))
        return file


def make(directory: Path) -> Certificates:
    """Everything the control plane needs, fresh."""
    authority = Authority(directory)
    return Certificates(
        authority=authority.file,
        server=authority.server("kube-apiserver"),
        admin=authority.client("admin", "system:masters"),
        controller_manager=authority.client("system:kube-controller-manager"),
        service_accounts=authority.key("service-accounts"),
    )


def _name(name: str, group: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)
