"""Marks documents of training accounts on every page, so that none passes for one of the contract (T-p)."""

from markupsafe import escape

_STYLE = (
    "<style>.watermark { position: fixed; top: 45%; left: 0; right: 0; text-align: center; "
    "transform: rotate(-24deg); font: bold 58pt 'DejaVu Sans', sans-serif; letter-spacing: .05em; "
    "text-transform: uppercase; color: #1d2733; opacity: .09; }</style></head>"
)


def watermarked(html: str, word: str) -> str:
    """The document with the word across each page; `word` "": as it is."""
    if not word:
        return html
    mark = f'<div class="watermark">{escape(word)}</div>'
    return html.replace("</head>", _STYLE, 1).replace("<body>", f"<body>{mark}", 1)
