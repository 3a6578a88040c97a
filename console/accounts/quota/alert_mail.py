"""Tells owners and administrators by mail that a share has reached a level."""

import structlog

from console.accounts.actor import Actor
from console.accounts.ports import Mailer, SystemMail
from console.accounts.quota.alerts import Alert
from console.accounts.service import AccountService
from console.accounts.values import Account, Role, State
from mta.model.errors import RelevoError

_TOLD = frozenset((Role.OWNER, Role.ADMINISTRATOR))
_SUBJECTS = {
    "es": "Bolsa de correos: {account} ha usado el {percent} %",
    "en": "Bag of mails: {account} has used {percent} %",
}
_TEXTS = {
    "es": (
        "La cuenta {account} ha usado {used} de los {granted} correos de su bolsa\n"
        "(contrato {contract}): el {percent} %.\n\n{advice}\n"
    ),
    "en": (
        "The account {account} has used {used} of the {granted} mails of its bag\n"
        "(contract {contract}): {percent} %.\n\n{advice}\n"
    ),
}
_ADVICE = {
    "es": (
        "Cuando la bolsa se agote, los envíos nuevos serán rechazados.",
        "La bolsa está agotada: los envíos nuevos son rechazados. Lo que ya fue aceptado se envía.",
    ),
    "en": (
        "When the bag is empty, new mail is refused.",
        "The bag is empty: new mail is refused. What was accepted before goes out.",
    ),
}


class AlertMail:
    """Sends the mails; a mail that cannot be sent is logged, the event stands all the same."""

    def __init__(self, accounts: AccountService, mailer: Mailer, language: str) -> None:
        """`language`: of accounts that have not chosen one."""
        self._accounts = accounts
        self._mailer = mailer
        self._language = language
        self._log = structlog.get_logger("relevo.quota")

    async def tell(self, alert: Alert) -> None:
        """One mail to each of the people who decide on the account's share."""
        actor = Actor.system("quota")
        accounts = {account.id: account for account in await self._accounts.list(actor)}
        for address in await self._people(actor, accounts, alert.account):
            language = accounts[alert.account].language or self._language
            try:
                await self._mailer.send(mail_of(alert, address, language))
            except RelevoError as error:
                self._log.warning("quota_alert_not_mailed", to=address, error=str(error))

    async def _people(self, actor: Actor, accounts: dict[int, Account], account: int) -> list[str]:
        """Who decides in the account; where nobody does, in the one above."""
        users = [u for u in await self._accounts.users.list(actor) if u.state is State.ACTIVE]
        place: int | None = account
        while place is not None:
            found = [
                user.email
                for user in users
                if any(m.account == place and m.role in _TOLD for m in user.memberships)
            ]
            if found:
                return found
            place = accounts[place].parent
        return []


def mail_of(alert: Alert, to: str, language: str) -> SystemMail:
    """The mail in a language, Spanish for every unknown one."""
    chosen = language if language in _TEXTS else "es"
    values = {
        "account": alert.account_name,
        "contract": alert.contract_name,
        "percent": alert.percent,
        "used": number(alert.used, chosen),
        "granted": number(alert.granted, chosen),
        "advice": _ADVICE[chosen][alert.percent >= 100],
    }
    subject = _SUBJECTS[chosen].format_map(values)
    return SystemMail(to, chosen, subject, _TEXTS[chosen].format_map(values), kind="quota")


def number(value: int, language: str) -> str:
    """Digits in groups: 300 000 in Peru, 300,000 in English."""
    return f"{value:,}" if language == "en" else f"{value:,}".replace(",", " ")
