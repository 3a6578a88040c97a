"""Checks DKIM signatures of received mail with dkimpy; slow (milliseconds), so call it in a thread."""

from collections.abc import Callable

import dkim

# name of a TXT record ("relevo._domainkey.example.org.") → its text, None where there is none
KeyLookup = Callable[[bytes], bytes | None]


def check_signatures(raw: bytes, lookup: KeyLookup) -> tuple[str, tuple[str, ...]]:
    """("pass" | "fail" | "none", one line per signature).

    "fail" when any signature fails: all of them are ours, and all must hold.
    """

    def answer(name: bytes, timeout: int = 5) -> bytes | None:  # noqa: ARG001  # dkimpy's signature
        return lookup(name)

    verifier = dkim.DKIM(raw)
    count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
    lines = []
    for index in range(count):
        try:
            verdict = "pass" if verifier.verify(idx=index, dnsfunc=answer) else "fail"
        except (dkim.DKIMException, ValueError) as error:
            lines.append(f"fail {error}")
            continue
        fields = {k: v.decode("ascii", "replace") for k, v in verifier.signature_fields.items()}
        tags = " ".join(f"{tag.decode()}={fields.get(tag, '')}" for tag in (b"d", b"s", b"a"))
        lines.append(f"{verdict} {tags}")
    if not lines:
        return "none", ()
    passed = all(line.startswith("pass") for line in lines)
    return "pass" if passed else "fail", tuple(lines)
