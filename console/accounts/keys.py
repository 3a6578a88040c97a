"""Makes the secrets of credentials and what is stored of them.

A secret is `rk_<key id>_<43 characters>`, of a test key `test_<key id>_…`: the key id finds the
credential, the rest is 256 random bits in base64url. Because it is random, one SHA-256 is as good as a slow password hash and costs
a microsecond; SCRAM-SHA-256 needs keys of its own (RFC 5802 §3).
"""

import hashlib
import re
import secrets
import unicodedata

from mta.smtp.scram import ScramKeys, derive_keys

KEY_ID_LENGTH = 8
PREFIX, TEST_PREFIX = "rk", "test"
_KEY_ID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no l, i, o, 0, 1: people read it out
_MAX_SLUG = 40
_SECRET = re.compile(r"(?:rk|test)_([a-z0-9]{1,20})_[A-Za-z0-9_-]{1,200}\Z")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def new_key_id() -> str:
    """A public identifier; unique by the database."""
    return "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(KEY_ID_LENGTH))


def new_secret(key_id: str, *, is_test: bool = False) -> str:
    """A secret that carries its key id."""
    return f"{TEST_PREFIX if is_test else PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"


def key_id_of(secret: str) -> str:
    """The key id that a secret carries; empty for what is no secret of ours."""
    match = _SECRET.match(secret)
    return "" if match is None else match[1]


def username_of(name: str, key_id: str) -> str:
    """`facturacion-electronica-k3m9x2ab` from a credential's name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = _NOT_SLUG.sub("-", plain)[:_MAX_SLUG].strip("-")
    return f"{slug or 'app'}-{key_id}"


def digest_of(secret: str) -> bytes:
    """What is stored to check the secret: its SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def scram_keys_of(secret: str) -> ScramKeys:
    """What is stored for SCRAM-SHA-256; takes about a millisecond."""
    return derive_keys(secret, secrets.token_bytes(16))
