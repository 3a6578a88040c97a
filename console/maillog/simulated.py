"""What the simulator of the sandbox received, as far as somebody may see it.

A mail is known by what Relevo itself wrote into it: the id in its Received field, which stands above
whatever the sender wrote, or the Message-ID that each personalised mail gets. What belongs to no
account (invitations with their links, mail that came to the simulator directly) is for those who may
see the mail and manage the people of every account.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from console.accounts.actor import Actor, ActorKind
from console.accounts.permissions import Permission
from mta.sandbox.inbox import Inbox, ReceivedMessage
from mta.store.base import Store

_MOST_KNOWN = 4096
_EVERYWHERE = (Permission.MAIL_VIEW, Permission.USER_MANAGE)


class _Owner(NamedTuple):
    account: int = 0
    credential: int = 0


class SimulatedMail:
    """Reads and forgets for who asks."""

    def __init__(self, inbox: Inbox, store: Store, hostname: str) -> None:
        """`hostname`: as Relevo writes it into what it sends."""
        self.inbox = inbox
        self._store = store
        name = re.escape(hostname)
        self._received = re.compile(rf"by {name} \(Relevo\) with \S+ id (\d{{1,19}})[\s;]")
        self._message_id = re.compile(rf"<([0-9a-f]{{1,16}})\.relevo@{name}>\Z")
        self._owners: dict[int, _Owner] = {}

    async def list(
        self,
        actor: Actor,
        *,
        limit: int,
        before: int = 0,
        sender: str = "",
        recipient: str = "",
        text: str = "",
    ) -> Sequence[ReceivedMessage]:
        """What fits and may be seen, newest first; as `Inbox.list`."""
        return self.inbox.list(
            limit=limit, before=before, sender=sender, recipient=recipient, text=text,
            may_see=await self._sight(actor),
        )  # fmt: skip

    async def get(self, actor: Actor, identifier: int) -> ReceivedMessage | None:
        """One mail; None when it is not kept or not the actor's to see."""
        may_see = await self._sight(actor)
        found = self.inbox.get(identifier)
        return found if found is not None and may_see(found) else None

    async def kept(self, actor: Actor) -> int:
        """How many mails are kept that the actor may see."""
        return len(self.inbox.list(limit=len(self.inbox), may_see=await self._sight(actor)))

    async def clear(self, actor: Actor) -> int:
        """Forget what the actor may see; how many."""
        return self.inbox.clear(await self._sight(actor))

    async def _sight(self, actor: Actor) -> Callable[[ReceivedMessage], bool]:
        await self._learn()
        accounts = [row[0] for row in await self._store.read("account_all")]
        sees_all = all(
            actor.may(permission, account) for account in accounts for permission in _EVERYWHERE
        )
        is_key = actor.kind is ActorKind.CREDENTIAL

        def may_see(message: ReceivedMessage) -> bool:
            owner = self._owners.get(message.id)
            if owner is None or not owner.account:
                return sees_all and owner is not None
            return actor.may(Permission.MAIL_VIEW, owner.account) or (
                is_key and actor.id == owner.credential
            )

        return may_see

    async def _learn(self) -> None:
        """Find out whose the mails are that came since the last time."""
        kept = self.inbox.list(limit=len(self.inbox))
        if len(self._owners) > _MOST_KNOWN:
            self._owners = {m.id: self._owners[m.id] for m in kept if m.id in self._owners}
        numbers = {m.id: self._number(m) for m in kept if m.id not in self._owners}
        ids = orjson.dumps(sorted(filter(None, set(numbers.values())))).decode()
        rows = await self._store.read("maillog_owners", ids=ids) if numbers else ()
        owners = {number: _Owner(account, credential) for number, account, credential in rows}
        for mail, number in numbers.items():
            self._owners[mail] = owners.get(number, _Owner())

    def _number(self, message: ReceivedMessage) -> int:
        """The id of the message or delivery, 0 where there is none."""
        received = message.header("Received")
        if found := self._received.search(received):
            return min(int(found[1]), (1 << 63) - 1)
        found = None if received else self._message_id.match(message.header("Message-ID").strip())
        return min(int(found[1], 16), (1 << 63) - 1) if found else 0
