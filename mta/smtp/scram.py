"""SCRAM-SHA-256, server side (RFC 5802, RFC 7677): the password is proved and never sent or stored.

No channel binding: `SCRAM-SHA-256-PLUS` is not offered. A name that is not known gets a salt of its
own, always the same, and fails at the end like a wrong password (RFC 5802 §9).
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from mta.smtp.saslprep import saslprep

DEFAULT_ITERATIONS = 4096  # RFC 7677 §4; our passwords are random, so more would only cost time
MIN_NONCE = 18
_FIRST = re.compile(r"([nyp][^,]*),(?:a=([^,]*))?,n=([^,]*),r=([!-+\--~]+)(?:,.*)?\Z", re.DOTALL)
_FINAL = re.compile(r"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,[^,]*)*),p=([A-Za-z0-9+/=]+)\Z")


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What is stored instead of the password."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def derive_keys(password: str, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramKeys:
    """The keys to store for a password; takes about a millisecond.

    Raises `ValueError` for a password that SASLprep does not allow.
    """
    prepared = saslprep(password)
    if prepared is None:
        raise ValueError("the password holds characters that SASLprep (RFC 4013) does not allow")
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), salt, iterations)
    client_key = _hmac(salted, b"Client Key")
    return ScramKeys(salt, iterations, _digest(client_key), _hmac(salted, b"Server Key"))


def decoy_keys(username: str, secret: bytes) -> ScramKeys:
    """Keys that no password fits, always the same for one name."""
    salt = hmac.digest(secret, username.encode(), "sha256")[:16]
    return ScramKeys(salt, DEFAULT_ITERATIONS, b"", b"")


@dataclass(slots=True)
class ScramServer:
    """One exchange; `first` then `final`, both pure."""

    username: str
    _header: str
    _client_first: str
    _client_nonce: str
    _nonce: str = ""
    _server_first: str = ""
    _keys: ScramKeys | None = None

    @classmethod
    def start(cls, message: bytes) -> "ScramServer | None":
        """Read client-first; None when it is malformed or asks for channel binding."""
        try:
            text = message.decode()
        except UnicodeDecodeError:
            return None
        match = _FIRST.match(text)
        if match is None or match[1] not in ("n", "y"):
            return None
        username = _decode_name(match[3])
        authzid = _decode_name(match[2]) if match[2] else username
        if not username or authzid != username:
            return None
        bare = text.split(",", 2)[2]
        header = text[: len(text) - len(bare)]
        return cls(username, header, bare, match[4])

    def first(self, keys: ScramKeys, server_nonce: str) -> bytes:
        """server-first."""
        self._keys = keys
        self._nonce = self._client_nonce + server_nonce
        salt = b64encode(keys.salt).decode()
        self._server_first = f"r={self._nonce},s={salt},i={keys.iterations}"
        return self._server_first.encode()

    def final(self, message: bytes) -> bytes | None:
        """server-final for a good proof; None for a bad one or a malformed message."""
        keys = self._keys
        match = _FINAL.match(message.decode("ascii", "replace"))
        if keys is None or match is None:
            return None
        binding, proof = _decode_base64(match[2]), _decode_base64(match[4])
        if binding != self._header.encode() or match[3] != self._nonce or proof is None:
            return None
        auth = f"{self._client_first},{self._server_first},{match[1]}".encode()
        if len(proof) != hashlib.sha256().digest_size:
            return None
        signature = _hmac(keys.stored_key, auth)
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(_digest(client_key), keys.stored_key):
            return None
        return b"v=" + b64encode(_hmac(keys.server_key, auth))


def _decode_name(text: str) -> str | None:
    if "=" in re.sub("=2C|=3D", "", text):
        return None
    return saslprep(text.replace("=2C", ",").replace("=3D", "="))


def _decode_base64(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()
