"""Secrets of credentials and their names."""

import hashlib
import re

import pytest

from console.accounts.keys import digest_of, new_key_id, new_secret, username_of
from mta.smtp.saslprep import saslprep


def test_a_secret_carries_its_key_id_and_256_random_bits():
    secrets = {new_secret("k3m9x2ab") for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        assert re.fullmatch(r"rk_k3m9x2ab_[A-Za-z0-9_-]{43}", secret)
        assert saslprep(secret) == secret, "SASLprep leaves it as it is"


def test_key_ids_have_no_letters_that_people_confuse():
    text = "".join(new_key_id() for _ in range(200))
    assert re.fullmatch(r"[abcdefghjkmnpqrstuvwxyz2-9]{1600}", text)


def test_the_digest_is_sha_256_of_the_whole_secret():
    assert digest_of("rk_a_b") == hashlib.sha256(b"rk_a_b").digest()


@pytest.mark.parametrize(
    ("name", "username"),
    [
        ("ERP", "erp-k3m9x2ab"),
        ("Facturación Electrónica!", "facturacion-electronica-k3m9x2ab"),
        ("  --  ", "app-k3m9x2ab"),
        ("日本", "app-k3m9x2ab"),
        ("x" * 100, "x" * 40 + "-k3m9x2ab"),
    ],
)
def test_user_names_are_made_of_the_name_and_the_key_id(name, username):
    assert username_of(name, "k3m9x2ab") == username
