"""Which links of an HTML text are tracked, and that all else stays as it is."""

import pytest

from console.tracking.instrumenting import (
    MAX_LINKS,
    Mark,
    TrackingOptions,
    instrument,
    parts,
)

BASE = "https://t.example.org"
BOTH = TrackingOptions(BASE)
CLICKS = TrackingOptions(BASE, opens=False)


def test_links_are_marked_and_everything_else_stays_to_the_octet():
    html = (
        '<!DOCTYPE html>\n<P Class=x>á &amp; <a  title="a > b" HREF="https://a.example/x?a=1&amp;b=2" >'
        "uno</a><br/><area href='http://b.example' />\r\n<a href=https://c.example/z>tres</a></P>"
    )
    found = instrument(html, CLICKS)
    assert found.links == ("https://a.example/x?a=1&b=2", "http://b.example", "https://c.example/z")
    pieces = list(parts(found.html))
    assert [p for p in pieces if isinstance(p, Mark)] == [Mark(0), Mark(1), Mark(2)]
    originals = iter(("https://a.example/x?a=1&amp;b=2", "http://b.example", "https://c.example/z"))
    assert "".join(next(originals) if isinstance(p, Mark) else p for p in pieces) == html


@pytest.mark.parametrize(
    "link",
    [
        '<a href="/relativo">x</a>',
        '<a href="mailto:a@b.example">x</a>',
        '<a href="tel:+51">x</a>',
        '<a href="cid:uno">x</a>',
        '<a href="#abajo">x</a>',
        '<a href="">x</a>',
        "<a href>x</a>",
        '<a name="x">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<a href="//otro.example/">x</a>',
        '<a href="https://a.example" data-notrack>x</a>',
        '<a data-notrack="1" href="https://a.example">x</a>',
        f'<a href="{BASE}/u/abc-123">baja</a>',
        f'<a href="{BASE}/v/abc">ver</a>',
        '<a href="{{ enlace }}">x</a>',
        '<a href="https://{{ sitio }}/x">x</a>',
        '<a href="https://a.{{ sitio }}/x">x</a>',
        '<a href="https://a.example{{ resto }}">x</a>',
        '<a href="https://yo@a.example/">x</a>',
        '<a href="https:\\\\a.example">x</a>',
        '<a href="https://a.example/{% if x %}1{% endif %}">x</a>',
        '<link href="https://a.example/estilo.css">',
        '<base href="https://a.example/">',
        '<!-- <a href="https://a.example">x</a> -->',
        '<style>/* <a href="https://a.example">x</a> */</style>',
        '<a xhref="https://a.example">x</a>',
        "<a href=https://a.example",
    ],
)
def test_what_is_no_link_of_the_author_to_the_web_is_left_alone(link):
    assert instrument(link, CLICKS) == instrument(link, TrackingOptions(BASE, False, False))


def test_a_link_may_hold_fields_behind_its_host():
    found = instrument(
        '<a href="https://a.example/{{ ruc | default: "<0>" }}?n={{ n }}">x</a>', CLICKS
    )
    assert found.links == ('https://a.example/{{ ruc | default: "<0>" }}?n={{ n }}',)
    assert list(parts(found.html)) == ['<a href="', Mark(0), '">x</a>']


def test_fields_outside_of_links_do_not_confuse():
    html = '{{ a | default: "<a href=\'https://x.example\'>" }}<a href="https://a.example/">x</a>'
    assert instrument(html, CLICKS).links == ("https://a.example/",)


def test_the_same_address_has_one_number():
    found = instrument(
        '<a href="https://a.example/"></a><a href="https://b.example/"></a>' * 2, CLICKS
    )
    assert found.links == ("https://a.example/", "https://b.example/")
    assert [p.link for p in parts(found.html) if isinstance(p, Mark)] == [0, 1, 0, 1]


def test_no_more_links_are_tracked_than_a_message_may_have():
    html = "".join(f'<a href="https://a.example/{n}"></a>' for n in range(MAX_LINKS + 5))
    found = instrument(html, CLICKS)
    assert len(found.links) == MAX_LINKS
    assert f'href="https://a.example/{MAX_LINKS + 4}"' in found.html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<body>x</body></html>", ["<body>x", Mark(-1), "</body></html>"]),
        ("<p>x</p>", ["<p>x</p>", Mark(-1)]),
        ("<!-- </body> --><p>x", ["<!-- </body> --><p>x", Mark(-1)]),
    ],
)
def test_the_pixel_stands_at_the_end_of_the_body(html, expected):
    assert list(parts(instrument(html, BOTH).html)) == expected


def test_an_author_cannot_write_marks():
    found = instrument("<p>\ufdd0c0\ufdd1\ufdd0o\ufdd1</p>", CLICKS)
    assert found.html == "<p>c0o</p>"
