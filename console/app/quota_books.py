"""Looks whether the books of the bag are right: a part of `relevo verify`."""

from mta.engine.verify import Finding, Severity, Subject
from mta.model.errors import ConfigurationError, StoreError
from mta.settings.loading import Loaded
from mta.store.snapshot import StoreSnapshot

REMEDY = (
    "balances move only with an entry of the ledger: somebody changed the database beside Relevo; "
    "compare with a backup"
)


def check_books(loaded: Loaded, packages: tuple[str, ...]) -> list[Finding]:
    """Balances that are not the sums of their entries, contracts that are not their balances' sum."""
    findings: list[Finding] = []
    with StoreSnapshot.open(loaded.settings.server.data_dir, packages) as store:
        try:
            store.prepare()
            with store.moment():
                for bag, account, *numbers in store.rows("verify_quota_bags"):
                    held, summed = numbers[:3], numbers[3:]
                    text = (
                        f"balance {bag} of account {account}: available, reserved, consumed are "
                        f"{held}, its entries add up to {summed}"
                    )
                    findings.append(_finding(text))
                for contract, name, size, granted in store.rows("verify_quota_contracts"):
                    text = f"contract {contract} ({name!r}): its size is {size}, granted {granted}"
                    findings.append(_finding(text))
        except (ConfigurationError, StoreError):
            pass  # told by the look at the database itself
    return findings


def _finding(text: str) -> Finding:
    return Finding(Severity.DAMAGE, Subject.COUNTER, text, REMEDY)
