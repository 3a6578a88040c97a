"""In which language a caller is told what is wrong: `Accept-Language` (RFC 9110 §12.5.4)."""

LANGUAGES = ("es", "en")
_MAX_HEADER = 200


def preferred(header: str, default: str) -> str:
    """The first of our languages in the header; `default` where it names none."""
    best, best_weight = default, 0.0
    for item in header[:_MAX_HEADER].split(","):
        tag, _, parameter = item.partition(";")
        code = tag.strip().partition("-")[0].lower()
        weight = _weight(parameter.strip())
        if code in LANGUAGES and weight > best_weight:
            best, best_weight = code, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
