"""SendGrid's tags: both ways of filling them in give the same mail, whatever the texts hold."""

from email import message_from_bytes, policy

import orjson
from hypothesis import given
from hypothesis import strategies as st

from console.api.dialects.substitution import TaggedTexts, Texts, literal
from console.content.compiling import MessageTemplate, compile_template
from console.content.rendering import Renderer
from mta.model.rendering import Occasion

# Few characters, so that tags, braces and what looks like fields meet often.
PIECES = st.sampled_from(
    ["-a-", "-ab-", "%x%", "{", "{{", "}}", "{%", "{{ b }}", "ñ", "x", " ", "<"]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
TAGS = st.sampled_from(["-a-", "-ab-", "%x%", "{{ b }}", "x", "{"])
VALUES = st.dictionaries(
    TAGS, st.sampled_from(["", "Ana", "{{", "}}", "-a-", "O'Brien", "1 < 2", " "])
)


def rendered(texts: Texts, values: dict[str, str]) -> Texts:
    """The texts of a mail that is made from a template, as its reader has them."""
    compiled = compile_template(
        MessageTemplate("app@example.org", f"s{texts.subject}s", f"{texts.text}.", f"{texts.html}.")
    )
    occasion = Occasion(
        address="ana@example.com",
        merge=orjson.dumps(values).decode(),
        delivery=1,
        message_id="<1@example.org>",
        date="Sun, 22 Nov 2026 10:00:00 -0500",
    )
    mail = message_from_bytes(Renderer().load(compiled).render(occasion), policy=policy.default)
    parts = [mail.get_body((kind,)).get_content() for kind in ("plain", "html")]
    return Texts(mail["Subject"], *(part.replace("\r\n", "\n").rstrip("\n") for part in parts))


def spaced(text: str) -> str:
    """A header keeps words, not the number of spaces between them."""
    return " ".join(text.split())


@given(st.builds(Texts, TEXTS, TEXTS, TEXTS))
def test_text_as_a_template_stands_for_itself(texts):
    got = rendered(Texts(*map(literal, texts)), {})
    assert (spaced(got.subject), got.text, got.html) == (
        spaced(f"s{texts.subject}s"),
        f"{texts.text}.",
        f"{texts.html}.",
    )


@given(st.builds(Texts, TEXTS, TEXTS, TEXTS), st.lists(VALUES, min_size=1, max_size=3))
def test_a_shared_template_gives_what_each_person_s_texts_say(texts, each):
    tagged = TaggedTexts(texts, {tag for one in each for tag in one})
    shared = tagged.shared(each)
    if shared is None:
        return
    template, values = shared
    for own, known in zip(each, values, strict=True):
        expected, got = tagged.of(own), rendered(template, known)
        assert spaced(got.subject) == spaced(f"s{expected.subject}s")
        assert got.text == f"{expected.text}."
        assert got.html.replace("&#x27;", "'") == f"{expected.html}."


@given(st.builds(Texts, TEXTS, TEXTS, TEXTS), VALUES)
def test_nothing_is_filled_in_twice(texts, values):
    """A value that holds a tag stays as it is: what is replaced is what the text held."""
    once = TaggedTexts(texts, set(values)).of(values)
    for before, after in zip(texts, once, strict=True):
        if not any(tag in before for tag in values):
            assert after == before


def test_markup_is_never_shared_and_never_escaped():
    texts = Texts("-f-", "-f-", "<table>-f-</table>")
    values = [{"-f-": "<tr></tr>"}, {"-f-": "x"}]
    tagged = TaggedTexts(texts, {"-f-"})
    assert tagged.shared(values) is None
    assert tagged.of(values[0]).html == "<table><tr></tr></table>"
