"""What no single table of `shaping.toml` can know: rules that could never match are errors.

Every provider carries sample names; a sample that its own provider does not recognise shows a wrong
pattern, or one that another provider takes first.
"""

from collections.abc import Callable

from mta.shaping.schema import Document, Provider, Site
from mta.shaping.sites import is_covered

ProviderOf = Callable[[tuple[str, ...]], str]
ReportOf = Callable[[str], str]


def problems(document: Document, provider_of: ProviderOf, report_of: ReportOf) -> list[str]:
    """One line for each problem: table, key, value, remedy."""
    found = _doubles(document)
    for provider in document.provider:
        found += _unrecognised(provider, provider_of, report_of)
    known = sorted(provider.name for provider in document.provider if provider.mx)
    for number, site in enumerate(document.site, 1):
        found += [f"[[site]] {number} {text}" for text in _unreachable(site, known, provider_of)]
    return found


def _doubles(document: Document) -> list[str]:
    names = [provider.name for provider in document.provider]
    return [
        f'[[provider]] "{name}" name = "{name}": two providers have this name; rename or remove one'
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def _unrecognised(provider: Provider, provider_of: ProviderOf, report_of: ReportOf) -> list[str]:
    key = "mx" if provider.mx else "domains"
    found = []
    for sample in provider.samples:
        name = provider_of((sample,)) if provider.mx else report_of(sample)
        if name != provider.name:
            fact = f'is taken for "{name}"' if name else "matches no pattern"
            found.append(
                f'[[provider]] "{provider.name}" samples = "{sample}": {fact}; '
                f"correct {key} or the sample"
            )
    return found


def _unreachable(site: Site, known: list[str], provider_of: ProviderOf) -> list[str]:
    found = [
        f'providers = "{name}": no such provider; there are: {", ".join(known) or "none"}'
        for name in site.providers
        if name not in known
    ]
    for pattern in site.mx:
        provider = provider_of((pattern.replace("*", "x"),))
        if provider:
            found.append(
                f'mx = "{pattern}": these hosts belong to provider "{provider}"; '
                f'write providers = ["{provider}"], or name the domains'
            )
    patterns = site.domains or site.mx
    found += [
        f'samples = "{sample}": matches no pattern; correct the match or the sample'
        for sample in site.samples
        if not any(is_covered(sample, pattern) for pattern in patterns)
    ]
    return found
