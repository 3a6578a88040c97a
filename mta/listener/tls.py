"""TLS of all listeners: Mozilla's intermediate profile, and certificates that change while it runs."""

import _ssl
import contextlib
import ctypes
import ssl
from pathlib import Path

from cryptography import x509

from mta.model.errors import ConfigurationError

# Mozilla Server Side TLS 5.7, intermediate; TLS 1.3 suites are OpenSSL's own three. No DHE: it needs
# parameters of its own, and nothing that speaks TLS 1.2 with GCM lacks ECDHE.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
GROUPS = "X25519:prime256v1:secp384r1"
_SSL_CTRL_SET_GROUPS_LIST = 92  # openssl/ssl.h


class ServerTls:
    """The certificate in use; `context` is shared by all connections and replaced by `reload()`."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises `ConfigurationError` when the files do not fit."""
        self._certificate = certificate
        self._key = key
        self.context = build_context(certificate, key)

    def reload(self, now_ms: int) -> None:
        """Use the files as they are now for new handshakes.

        Raises `ConfigurationError` and keeps the old certificate when they do not fit, or when the
        new one has expired: whoever put it there took a wrong file.
        """
        context = build_context(self._certificate, self._key)
        leaf = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        ended = leaf.not_valid_after_utc
        if ended.timestamp() * 1000 < now_ms:
            raise ConfigurationError(
                f'[submission] tls_certificate = "{self._certificate}": expired on {ended:%Y-%m-%d}; '
                "put a valid one there and reload"
            )
        self.context = context


def profile_context() -> ssl.SSLContext:
    """A server context of the profile, still without a certificate: for every listener."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    _restrict_groups(context)
    return context


def build_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server context; takes some milliseconds, so it is made once."""
    context = profile_context()
    try:
        # An empty password: an encrypted key is an error and never a question at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except FileNotFoundError:
        missing = certificate if not certificate.exists() else key
        name = "tls_certificate" if missing == certificate else "tls_key"
        raise ConfigurationError(
            f'[submission] {name} = "{missing}": no such file; create it, or leave the key empty'
        ) from None
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(
            f'[submission] tls_certificate = "{certificate}", tls_key = "{key}": {error}; '
            "expected a PEM chain, leaf first, and its private key without a password"
        ) from None
    return context


def _restrict_groups(context: ssl.SSLContext) -> None:
    """Leave only the profile's key exchange groups.

    The `ssl` module gained this in Python 3.15; before, `set_ecdh_curve` allows just one group.
    OpenSSL's own call works on the pointer that follows the object header of CPython's context.
    Where that cannot be done, OpenSSL's default groups stay, which are sound, only more.
    """
    if hasattr(context, "set_groups"):
        context.set_groups(GROUPS)
        return
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(_ssl.__file__)
        control = library.SSL_CTX_ctrl
        control.restype = ctypes.c_long
        control.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]
        pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
        control(pointer, _SSL_CTRL_SET_GROUPS_LIST, 0, GROUPS.encode("ascii"))


def describe(ssl_object: ssl.SSLObject | None) -> str:
    """`TLSv1.3 TLS_AES_256_GCM_SHA384`, empty without TLS."""
    cipher = ssl_object.cipher() if ssl_object is not None else None
    if ssl_object is None or cipher is None:
        return ""
    return f"{ssl_object.version()} {cipher[0]}"
