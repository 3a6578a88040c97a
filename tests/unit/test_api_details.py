"""What refusals say is in the caller's language, also where there is more to say."""

import tomllib
from importlib import resources

import orjson
import pytest

from console.accounts.actor import NotPermitted
from console.api.messages.replies import refusal_of
from console.api.problems import not_permitted, refused
from console.api.refusals import ApiRefusal, Told
from console.api.validation import malformed_json, read_body
from console.api.webhooks import WebhookRequest
from mta.model.reply import Reply


def texts(language: str) -> dict[str, dict[str, str]]:
    folder = resources.files("console.api") / "texts"
    return tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))


def told(refusal: ApiRefusal, language: str) -> str:
    return orjson.loads(refused(refusal, language).body)["detail"]


def test_both_languages_have_the_same_texts_with_the_same_places():
    spanish, english = texts("es"), texts("en")
    for kind in ("problems", "violations", "details"):
        assert spanish[kind].keys() == english[kind].keys()
        for code, text in spanish[kind].items():
            assert text.count("{") == english[kind][code].count("{"), code


@pytest.mark.parametrize("code", sorted(texts("es")["details"]))
def test_a_detail_is_told_in_the_callers_language(code):
    refusal = ApiRefusal(400, "malformed_json", Told(code))
    assert told(refusal, "es") == texts("es")["details"][code]
    assert told(refusal, "en") == texts("en")["details"][code] == refusal.detail


def test_english_from_within_is_told_to_nobody_who_asks_for_spanish():
    refusal = refusal_of(Reply.of(552, "5.2.2", "The bag is empty"))
    assert told(refusal, "en") == "The bag is empty"
    assert told(refusal, "es") == texts("es")["problems"]["quota_exhausted"]


def test_where_the_json_is_wrong_is_told():
    with pytest.raises(ApiRefusal) as caught:
        read_body(WebhookRequest, b'{\n  "url": }')
    assert told(caught.value, "es") == "El error está en la línea 2, columna 10"
    other = malformed_json("unexpected character: line 1 column 3 (char 2)")
    assert told(other, "en") == "The error is in line 1, column 3"


def test_the_permission_that_is_wanting_is_told():
    error = NotPermitted("ana has no permission quota.move in account 1", "quota.move")
    assert told(not_permitted(error), "es") == "Falta el permiso quota.move"
    assert told(not_permitted(NotPermitted("only so")), "en") == "only so"
