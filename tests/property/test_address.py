"""Whatever is given, an address is one or is refused; and what was read reads the same again."""

from hypothesis import example, given
from hypothesis import strategies as st

from mta.model.address import Address, parse_address, parse_domain
from mta.model.errors import AddressSyntaxError
from mta.model.reply import Reply
from mta.smtp.commands import parse_rcpt

ATOMS = "abcXYZ019!#$%&'*+-/=?^_`{|}~"
pieces = st.sampled_from(
    [*ATOMS, ".", "@", '"', "\\", " ", "[", "]", ":", "%", "<", ">", ",", "(", ")", "\r", "\n", "\0",
     "ñ", "ß", "\u0303", "\u200d", "\u2024", "\uff0e", "\u3002", "xn--", "XN--", "IPv6:", "::1", "1.2.3.4",
     "\ud800", "\u2028", "\x85", "é.org", "example.org"]
)  # fmt: skip
texts = st.one_of(st.lists(pieces, max_size=30).map("".join), st.text(max_size=60))
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(
    lambda label: label[2:4] != "--"
)
domains = st.builds(
    lambda head, tail: ".".join([*head, tail]), st.lists(labels, max_size=4), st.just("org")
)
locals_ = st.lists(st.text(ATOMS + "ñéü中", min_size=1, max_size=6), min_size=1, max_size=4).map(
    ".".join
)


def read(text: str) -> Address | None:
    try:
        return parse_address(text)
    except AddressSyntaxError:
        return None


@given(texts)
@example("a@[IPv6:::1%> x]")
def test_what_is_read_reads_the_same_again(text: str):
    address = read(text)
    if address is not None:
        assert parse_address(str(address)) == address
        assert parse_domain(address.domain) == address.domain
        assert address.domain.isascii()
        assert parse_address(address.key).key == address.key


@given(texts)
def test_an_address_holds_nothing_that_ends_a_path_or_a_line(text: str):
    address = read(text)
    if address is not None:
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in str(address))
        assert not set(address.domain) & set(' <>@,()"\\%')
        assert str(address).rpartition("@") == (address.local, "@", address.domain)
        assert len(str(address).encode()) <= 254


@given(texts)
def test_a_domain_is_a_name_or_an_error(text: str):
    try:
        domain = parse_domain(text)
    except AddressSyntaxError:
        return
    assert domain == domain.lower() or domain.startswith("[IPv6:")
    assert domain.count(".") == text.count(".") or domain.startswith("[")


@given(locals_, domains)
def test_wellformed_addresses_are_taken_byte_for_byte(local: str, domain: str):
    if len(local.encode()) <= 64:
        assert parse_address(f"{local}@{domain.upper()}") == Address(local, domain)


@given(texts)
def test_rcpt_never_reads_another_address_than_it_was_given(text: str):
    recipient = parse_rcpt(f"TO:<{text}>", "relevo.example.org", smtputf8=True)
    if not isinstance(recipient, Reply) and not text.startswith("@"):
        assert read(text) == recipient.address or text.lower() == "postmaster"
