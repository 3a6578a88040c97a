"""Reply → bounce class, cached; pure after loading.

Whatever the rules say, a class that suppresses (`is_hard`) is given only where a recipient can be
meant: a permanent reply to RCPT or to the content, or a final answer of DNS. An error in a rule
must never wipe good addresses.
"""

from collections import OrderedDict
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from mta.bounces.classes import BounceClass
from mta.bounces.patterns import normalise
from mta.bounces.rules import Rule, load_rules, parse_reply
from mta.model.errors import ConfigurationError
from mta.model.outcome import Phase
from mta.model.reply import Reply

CACHE_ENTRIES = 4096  # about 2 MB at most
FILE_NAME = "bounce_rules.toml"

_RECIPIENT_PHASES = frozenset((Phase.RCPT, Phase.DATA, Phase.DOT, Phase.DNS, Phase.LOCAL))


class Verdict(NamedTuple):
    """A class, and how it was found."""

    bounce_class: BounceClass
    rule: str  # id of the rule; empty: no rule knew the reply
    is_host_level: bool  # about us at that site, not about the recipient or the message


class Classifier:
    """Applies rules to replies; one per process, used from the event loop."""

    def __init__(self, rules: Sequence[Rule], cache_entries: int = CACHE_ENTRIES) -> None:
        by_text = [rule for rule in rules if rule.texts]
        by_status = [rule for rule in rules if not rule.texts and rule.statuses]
        by_code = [rule for rule in rules if not rule.texts and not rule.statuses]
        self.rules = (*by_text, *by_status, *by_code)  # in the order in which they are asked
        self._cache: OrderedDict[tuple[int, str, str, Phase, str], Verdict] = OrderedDict()
        self._cache_entries = cache_entries

    @classmethod
    def load(cls, path: Path | None = None) -> "Classifier":
        """With the rules of a file; None: those that are shipped.

        Raises `ConfigurationError`.
        """
        return cls(load_rules(path if path is not None else shipped_rules()))

    def classify(self, reply: Reply, phase: Phase, provider: str = "") -> BounceClass:
        """The class of a negative reply; `provider` is the site's (`mta.shaping`'s name for it)."""
        return self.examine(reply, phase, provider).bounce_class

    def examine(self, reply: Reply, phase: Phase, provider: str = "") -> Verdict:
        """`classify` with the rule that decided."""
        lines = reply.lines
        text = normalise(lines[0] if len(lines) == 1 else reply.text)
        key = (reply.code, reply.enhanced, text, phase, provider)
        verdict = self._cache.get(key)
        if verdict is not None:
            self._cache.move_to_end(key)
            return verdict
        verdict = self._cache[key] = self._decide(reply, text, phase, provider)
        if len(self._cache) > self._cache_entries:
            self._cache.popitem(last=False)
        return verdict

    def check_samples(self) -> list[str]:
        """What is wrong with the rules: samples that another rule or none catches; empty: nothing."""
        problems = []
        for rule in self.rules:
            phase = min(rule.phases) if rule.phases else Phase.RCPT
            provider = min(rule.providers, default="")
            for sample in rule.samples:
                try:
                    verdict = self.examine(parse_reply(sample), phase, provider)
                except ConfigurationError as error:
                    problems.append(f"rule {rule.id!r}: {error}")
                    continue
                if verdict.rule != rule.id:
                    found = verdict.rule or "no rule"
                    problems.append(f"rule {rule.id!r}: {sample!r} is caught by {found!r}")
        return problems

    def _decide(self, reply: Reply, text: str, phase: Phase, provider: str) -> Verdict:
        for rule in self.rules:
            if rule.matches(reply, text, phase, provider):
                bounce_class = _softened(rule.bounce_class, reply, phase)
                is_host_level = rule.is_host_level and bounce_class is rule.bounce_class
                return Verdict(bounce_class, rule.id, is_host_level)
        return Verdict(_by_first_digit(reply, phase), "", is_host_level=False)


def _softened(bounce_class: BounceClass, reply: Reply, phase: Phase) -> BounceClass:
    if not bounce_class.is_hard or (reply.is_permanent and phase in _RECIPIENT_PHASES):
        return bounce_class
    return BounceClass.POLICY if reply.is_permanent else BounceClass.TRANSIENT_OTHER


def _by_first_digit(reply: Reply, phase: Phase) -> BounceClass:
    if phase is Phase.TLS:
        return BounceClass.TLS
    return BounceClass.POLICY if reply.is_permanent else BounceClass.TRANSIENT_OTHER


def shipped_rules() -> Path:
    """Where the rules that come with Relevo are: in the package, or in the source tree."""
    packaged = Path(str(resources.files("mta.bounces"))) / FILE_NAME
    if packaged.exists():
        return packaged
    return Path(__file__).parents[2] / "config" / FILE_NAME
