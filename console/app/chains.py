"""Looks whether chained tables are as Relevo wrote them: a part of `relevo verify`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from console.accounts.audit.chain import AUDIT, Chain, ChainCheck, ChainKey
from console.app.quota import QUOTA_CHAIN
from mta.engine.secret import installation_key
from mta.engine.verify import Finding, Severity, Subject
from mta.model.errors import ConfigurationError, StoreError
from mta.settings.loading import Loaded
from mta.store.snapshot import StoreSnapshot

CHAINS = (AUDIT, QUOTA_CHAIN)
PAGE = 2_000
REMEDY = (
    "somebody or something changed the database beside Relevo: compare with a backup and with the "
    "`chain_head` lines of the log (docs/explanation/accounts.md)"
)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class CheckedChain:
    """What was looked at."""

    name: str
    entries: int
    head: str  # hash of the last entry: the same here and elsewhere, or one of them is not whole


def check_chains(
    loaded: Loaded, packages: tuple[str, ...], progress: Progress
) -> tuple[list[CheckedChain], list[Finding]]:
    """All chains, beside a working server or on a stopped one; changes nothing."""
    checked: list[CheckedChain] = []
    findings: list[Finding] = []
    secret = loaded.settings.console.secret_file
    with StoreSnapshot.open(loaded.settings.server.data_dir, packages) as store:
        try:
            store.prepare()
            for number, chain in enumerate(CHAINS):
                progress("chains", number, len(CHAINS))
                if _is_unused(store, chain):
                    continue  # then there need be no secret either
                check = _walk(store, chain, _key(secret))
                checked.append(CheckedChain(chain.name, check.links, check.head.hash))
                findings += [_finding(problem) for problem in check.problems]
        except ConfigurationError as error:
            findings.append(_finding(f"cannot be checked: {error}"))
        except StoreError:
            pass  # the database itself is damaged, which has been told
    progress("chains", len(CHAINS), len(CHAINS))
    return checked, findings


def _is_unused(store: StoreSnapshot, chain: Chain) -> bool:
    return not (
        store.rows(chain.sealed, after=0, count=1)
        or store.rows(chain.unsealed, count=1)
        or store.rows("chain_head", chain=chain.name)
    )


def _walk(store: StoreSnapshot, chain: Chain, key: ChainKey) -> ChainCheck:
    check = ChainCheck(chain, key)
    while rows := store.rows(chain.sealed, after=check.last, count=PAGE):
        check.feed(rows)
    with store.moment():  # the sealer may be at work: the end, the head and the rest of one moment
        while rows := store.rows(chain.sealed, after=check.last, count=PAGE):
            check.feed(rows)
        heads = store.rows("chain_head", chain=chain.name)
        check.finish(heads[0] if heads else None, store.rows(chain.unsealed, count=PAGE))
    return check


def _key(secret: Path) -> ChainKey:
    if not secret.exists():  # asking for it would make a new one
        raise ConfigurationError(f"{secret}: the installation's secret is missing")
    return ChainKey(installation_key(secret))


def _finding(text: str) -> Finding:
    return Finding(Severity.DAMAGE, Subject.CHAIN, text, REMEDY)
