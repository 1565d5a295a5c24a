"""Corral's own certificate authority: signs for the engine's server and for nodes, and says what is wrong with a
certificate. Keys of nodes never come here."""

from __future__ import annotations

import datetime
import ipaddress
import os
import pathlib
import ssl
import threading
from collections.abc import Callable, Iterable

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocol.errors import BadInput

no_check_time = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: an expired client certificate passes TLS, so that we can say why it is refused
and let it renew. Source: openssl/x509_vfy.h."""

_backdated_seconds_max = 300.0  # the clocks of two machines differ a little
_backdated_part = 0.1  # of the life: five minutes before a life of one would make it due for renewal at its birth


@attrs.frozen(kw_only=True)
class Lifetimes:
    """How long what the authority signs is valid, in seconds."""

    authority_seconds: float = 20 * 365 * 86_400.0
    server_seconds: float = 397 * 86_400.0
    node_seconds: float = 90 * 86_400.0


@attrs.frozen(kw_only=True)
class PeerVerdict:
    """What a client's certificate is worth. `host_id` is empty when it names no host; `reason` is empty when it is
    good; `expired` means that nothing but its age is wrong."""

    host_id: str = ""
    reason: str = ""
    expired: bool = False


class Authority:
    """The key and certificate in `state_dir`: `ca.key` (0600) and `ca.pem`, made when absent."""

    def __init__(self, state_dir: pathlib.Path, wall: Callable[[], datetime.datetime], lifetimes: Lifetimes) -> None:
        self._dir = state_dir
        self._wall = wall
        self.lifetimes = lifetimes
        self._server_lock = threading.Lock()
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_file, self.ca_file = state_dir / "ca.key", state_dir / "ca.pem"
        if key_file.exists() and self.ca_file.exists():
            self._key = read_key(key_file)
            self.certificate = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())
            self.certificate = self._self_signed()
            write_private(key_file, key_pem(self._key))
            write_private(self.ca_file, self.ca_pem.encode(), mode=0o644)

    @property
    def ca_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign_node(self, csr_pem: str, host_id: str) -> str:
        """A certificate for a node's signing request; only its key is taken, the name is ours. Raises `BadInput`."""
        key = key_of_request(csr_pem)
        made = self._builder(key, host_id, self.lifetimes.node_seconds).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        return self._sign(made).public_bytes(serialization.Encoding.PEM).decode()

    def server_files(self, names: Iterable[str]) -> tuple[pathlib.Path, pathlib.Path]:
        """Certificate and key file of the engine's server for these host names and IP addresses; the ones on disk
        while they cover the names and have a third of their life left."""
        with self._server_lock:  # two that write at once would leave the key of one with the certificate of the other
            return self._server_files(_alternative_names(names))

    def _server_files(self, wanted: list[x509.GeneralName]) -> tuple[pathlib.Path, pathlib.Path]:
        cert_file, key_file = self._dir / "server.pem", self._dir / "server.key"
        if cert_file.exists() and key_file.exists():
            current = x509.load_pem_x509_certificate(cert_file.read_bytes())
            held = current.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            # A crash between the two files leaves a pair that does not match.
            fits = read_key(key_file).public_key() == current.public_key()
            if fits and set(wanted) <= set(held) and self._issued(current) and self._wall() < renewal_due(current):
                return cert_file, key_file
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            self._builder(key.public_key(), "corral engine", self.lifetimes.server_seconds)
            .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        write_private(key_file, key_pem(key))
        write_private(cert_file, self._sign(made).public_bytes(serialization.Encoding.PEM), mode=0o644)
        return cert_file, key_file

    def server_context(self, names: Iterable[str]) -> ssl.SSLContext:
        """TLS for `LinkListener`: asks for a client certificate, takes none and an expired one, refuses other CAs."""
        cert_file, key_file = self.server_files(names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(cert_file, key_file)
        context.load_verify_locations(cadata=self.ca_pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= no_check_time
        return context

    def judge(self, der: bytes | None) -> PeerVerdict:
        """What the certificate of a TLS peer is worth; TLS has proved that the peer holds its key."""
        if not der:
            return PeerVerdict(reason="No client certificate was presented.")
        try:
            certificate = x509.load_der_x509_certificate(der)
            usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            host_id = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        except (ValueError, IndexError, x509.ExtensionNotFound) as error:
            return PeerVerdict(reason=f"The client certificate is not one of a node: {error}.")
        if not self._issued(certificate) or ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
            return PeerVerdict(reason="The client certificate was not issued to a node by this engine's authority.")
        if self._wall() < certificate.not_valid_before_utc:
            return PeerVerdict(reason="The client certificate is not valid yet; compare the clocks.", host_id=host_id)
        if self._wall() > certificate.not_valid_after_utc:
            reason = f"The client certificate expired at {certificate.not_valid_after_utc.isoformat()}."
            return PeerVerdict(host_id=host_id, reason=reason, expired=True)
        return PeerVerdict(host_id=host_id)

    def _issued(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _self_signed(self) -> x509.Certificate:
        name = _name("Corral authority")
        return self._sign(
            self._builder(
                self._key.public_key(), "", self.lifetimes.authority_seconds, subject=name, issuer=name, ca=True
            )
        )

    def _builder(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        seconds: float,
        *,
        subject: x509.Name | None = None,
        issuer: x509.Name | None = None,
        ca: bool = False,
    ) -> x509.CertificateBuilder:
        now = self._wall()
        backdated = datetime.timedelta(seconds=min(_backdated_seconds_max, _backdated_part * seconds))
        return (
            x509.CertificateBuilder()
            .subject_name(subject or _name(common_name))
            .issuer_name(issuer or self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - backdated)
            .not_valid_after(now + datetime.timedelta(seconds=seconds))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
            .add_extension(_key_usage(ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _sign(self, made: x509.CertificateBuilder) -> x509.Certificate:
        return made.sign(self._key, hashes.SHA256())


def key_of_request(csr_pem: str) -> ec.EllipticCurvePublicKey:
    """The public key of a signing request whose signature proves that the asker holds it. Raises `BadInput`."""
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        key = request.public_key()
        if not request.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("its signature is wrong or its key is not on an elliptic curve")
    except ValueError as error:
        remedy = "Send a request that is signed with its own key, on an elliptic curve."
        raise BadInput(f"The signing request cannot be used: {error}.", remedy=remedy, field="csr_pem") from error
    return key


def renewal_due(certificate: x509.Certificate) -> datetime.datetime:
    """When two thirds of a certificate's life are over."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return start + (end - start) * 2 / 3


def read_key(path: pathlib.Path) -> ec.EllipticCurvePrivateKey:
    """The private key in a file. Raises `BadInput` when it is of another kind."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        remedy = "Put the engine's own key back there."
        raise BadInput(f"{path} does not hold a key on an elliptic curve.", remedy=remedy)
    return key


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as it is stored: PKCS 8, not encrypted, so its file is 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_private(path: pathlib.Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replaces a file whole or not at all; its mode never is wider than `mode`, not even for a moment."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_names(names: Iterable[str]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            made.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            made.append(x509.DNSName(name))
    return made


def _key_usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
