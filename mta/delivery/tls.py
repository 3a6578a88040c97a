"""The TLS contexts that all outgoing connections share: making one takes 21 ms."""

import ssl

from mta.smtp.client_options import TlsMode


class TlsContexts:
    """Two client contexts, made once: one that checks certificates and one that does not."""

    def __init__(self, ca_file: str | None = None) -> None:
        """`ca_file`: PEM roots in place of the system's (tests, private PKI)."""
        self._verified = ssl.create_default_context(cafile=ca_file)
        self._verified.minimum_version = ssl.TLSVersion.TLSv1_2
        self._unverified = _unverified_context()

    def for_mode(self, mode: TlsMode) -> ssl.SSLContext:
        """The context of a mode: only `REQUIRED` checks chain and host name."""
        return self._verified if mode is TlsMode.REQUIRED else self._unverified


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # An old peer's 1024-bit key or SHA-1 certificate still beats sending in clear (RFC 7435 §3).
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
