"""Makes the actor of a request: a person's roles or a credential's scopes, over the tree as it is."""

from types import MappingProxyType

from console.accounts.actor import Actor, ActorKind, expand_grants
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.permissions import OVER_TREE, permissions_of_scopes
from console.accounts.values import Account, Role
from mta.model.envelope import Identity
from mta.store.base import Store


class Actors:
    """Asked once for each request, so that a changed role counts from the next one on."""

    def __init__(self, store: Store, authenticator: CredentialAuthenticator) -> None:
        self._store = store
        self._authenticator = authenticator

    async def of_user(self, user: int, *, address: str = "", agent: str = "") -> Actor | None:
        """The person with that id; None when there is none, is disabled or has no role anywhere.

        `address` and `agent` are where the request came from, for the audit trail.
        """
        rows = await self._store.read("membership_roles", user=user)
        if not rows:
            return None
        accounts = [Account.of(row) for row in await self._store.read("account_all")]
        grants = expand_grants([(account, Role(role)) for _, account, role in rows], accounts)
        return Actor(ActorKind.USER, user, str(rows[0][0]), grants, address, agent)

    def of_identity(self, identity: Identity, *, address: str = "", agent: str = "") -> Actor:
        """The credential that was accepted; it acts in its own account.

        What it may do with accounts, people and quota holds in the accounts below it too.
        """
        scopes = self._authenticator.scopes_of(identity.credential_id)
        granted = permissions_of_scopes(scopes)
        grants = {identity.account_id: granted} if granted else {}
        if below := granted & OVER_TREE:
            grants |= dict.fromkeys(self._authenticator.accounts_below(identity.account_id), below)
        number = identity.credential_id
        return Actor(
            ActorKind.CREDENTIAL, number, identity.name, MappingProxyType(grants), address, agent
        )
