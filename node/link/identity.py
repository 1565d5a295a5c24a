"""The node's key, certificate and authority in its state directory.

`host.key` (0600) never leaves the machine; `host.pem` and `ca.pem` come from the engine.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from protocol.errors import BadInput


class Identity:
    """Who this node is. Files are replaced whole or not at all."""

    def __init__(self, state_dir: pathlib.Path, ca_file: pathlib.Path | None = None) -> None:
        """`ca_file` is what to trust before enrolment; afterwards the authority that enrolled us counts."""
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key_file = state_dir / "host.key"
        self._certificate_file = state_dir / "host.pem"
        self._own_ca_file = state_dir / "ca.pem"
        self._given_ca_file = ca_file
        if not self._key_file.exists():
            made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            _write_whole(self._key_file, made, 0o600)

    @property
    def certificate(self) -> x509.Certificate | None:
        """The certificate as it is on disk now, None before enrolment."""
        if not self._certificate_file.exists():
            return None
        return x509.load_pem_x509_certificate(self._certificate_file.read_bytes())

    @property
    def host_id(self) -> str:
        """The id in the certificate, empty before enrolment."""
        certificate = self.certificate
        if certificate is None:
            return ""
        return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    def request(self, name: str) -> str:
        """A signing request for our key, PEM. The signer takes the key alone; the name is for people."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "node")])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self._key(), hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def install(self, certificate_pem: str, ca_pem: str = "") -> None:
        """Stores a new certificate. Raises `BadInput` when it is not for our key or names another host."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        except ValueError as error:
            raise BadInput(f"The certificate cannot be read: {error}.") from error
        if certificate.public_key() != self._key().public_key():
            raise BadInput("The certificate does not match this host's key.")
        current = self.certificate
        if current is not None and current.subject != certificate.subject:
            raise BadInput("The certificate is for another host.")
        if ca_pem:
            _write_whole(self._own_ca_file, ca_pem.encode(), 0o644)
        _write_whole(self._certificate_file, certificate_pem.encode(), 0o644)

    def renewal_due(self) -> datetime.datetime | None:
        """When two thirds of the certificate's life are over; None before enrolment."""
        certificate = self.certificate
        if certificate is None:
            return None
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return start + (end - start) * 2 / 3

    def tls(self, *, with_certificate: bool = True) -> ssl.SSLContext:
        """TLS towards the engine: its name is checked, ours is shown. Raises `BadInput` without a known authority."""
        ca_file = self._own_ca_file if self._own_ca_file.exists() else self._given_ca_file
        if ca_file is None:
            raise BadInput("There is no CA certificate to check the engine with.", remedy="Set ca_file.")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(f"The CA certificate {ca_file} cannot be used: {error}.", remedy="Set ca_file.") from error
        if with_certificate and self._certificate_file.exists():
            context.load_cert_chain(self._certificate_file, self._key_file)
        return context

    def _key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key


def _write_whole(path: pathlib.Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
