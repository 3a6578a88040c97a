"""DKIM: keys on disk, signatures made fast, the records to publish, and checks of both.

`KeyRing` holds the keys, `from_domain` says whose are needed, `Signer` signs; `generate_key`,
`txt_record`, `check` and `verify` serve `relevo dkim new|show|check`.
"""

from mta.dkim.author import from_domain
from mta.dkim.keyfiles import KeyType, generate_key
from mta.dkim.keys import DkimKey, KeyRing
from mta.dkim.records import TxtLookup, check, record_text, txt_record
from mta.dkim.signing import NotSignable, Signer, sign, sign_batch
from mta.dkim.verification import Verification, verify

__all__ = [
    "DkimKey",
    "KeyRing",
    "KeyType",
    "NotSignable",
    "Signer",
    "TxtLookup",
    "Verification",
    "check",
    "from_domain",
    "generate_key",
    "record_text",
    "sign",
    "sign_batch",
    "txt_record",
    "verify",
]
