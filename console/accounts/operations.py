"""What commands can ask of accounts: a name, arguments as JSON, a result as JSON.

The same functions serve the control socket of a running server and a command that has opened the
store itself; both act as the operator. Identifiers are strings, times RFC 3339 in UTC or null,
absent arguments mean the default. Secrets are in a result once: when they were made.
"""

from collections.abc import Awaitable, Callable

from console.accounts import credential_operations
from console.accounts.arguments import (
    OPERATOR,
    Arguments,
    HasAccounts,
    account_filter,
    account_of,
    role_of,
    text_of,
    time_of,
)
from console.accounts.values import Account, AccountKind, State, User
from mta.model.errors import PermanentError

Operation = Callable[[HasAccounts, Arguments], Awaitable[object]]


async def account_add(services: HasAccounts, arguments: Arguments) -> object:
    """`name`, `parent` (id or name), `training`."""
    accounts = services.accounts
    parent = arguments.get("parent")
    kind = AccountKind.TRAINING if arguments.get("training") else AccountKind.NORMAL
    above = None if parent is None else await accounts.get(OPERATOR, text_of(arguments, "parent"))
    name = text_of(arguments, "name")
    parent_id = None if above is None else above.id
    return account_shown(await accounts.add(OPERATOR, name, parent=parent_id, kind=kind))


async def account_list(services: HasAccounts, _: Arguments) -> object:
    """All accounts."""
    return [account_shown(account) for account in await services.accounts.list(OPERATOR)]


async def account_show(services: HasAccounts, arguments: Arguments) -> object:
    """`account`."""
    return account_shown(await services.accounts.get(OPERATOR, text_of(arguments, "account")))


async def account_rename(services: HasAccounts, arguments: Arguments) -> object:
    """`account`, `name`."""
    account = await services.accounts.get(OPERATOR, text_of(arguments, "account"))
    name = text_of(arguments, "name")
    return account_shown(await services.accounts.rename(OPERATOR, account.id, name))


async def account_set(services: HasAccounts, arguments: Arguments) -> object:
    """`account`, and of `language`, `timezone`, `needs_approval` what is to change."""
    account = await services.accounts.get(OPERATOR, text_of(arguments, "account"))
    needs_approval = arguments.get("needs_approval")
    if needs_approval is not None and not isinstance(needs_approval, bool):
        raise PermanentError("the argument 'needs_approval' is neither true nor false")
    changed = await services.accounts.change_settings(
        OPERATOR,
        account.id,
        language=_optional(arguments, "language"),
        timezone=_optional(arguments, "timezone"),
        needs_approval=needs_approval,
    )
    return account_shown(changed)


async def account_disable(services: HasAccounts, arguments: Arguments) -> object:
    """`account`: its credentials, and those of the accounts below it, stop working."""
    account = await services.accounts.get(OPERATOR, text_of(arguments, "account"))
    return account_shown(await services.accounts.disable(OPERATOR, account.id))


async def account_enable(services: HasAccounts, arguments: Arguments) -> object:
    """`account`: undo `account.disable`."""
    account = await services.accounts.get(OPERATOR, text_of(arguments, "account"))
    return account_shown(await services.accounts.enable(OPERATOR, account.id))


async def account_close(services: HasAccounts, arguments: Arguments) -> object:
    """`account`: as disabled, with all below it, for good."""
    account = await services.accounts.get(OPERATOR, text_of(arguments, "account"))
    return account_shown(await services.accounts.close(OPERATOR, account.id))


async def user_add(services: HasAccounts, arguments: Arguments) -> object:
    """`email`, `role`, `account`, `password`; the result has a `password` if one was made up."""
    account = await account_of(services, arguments)
    email, role = text_of(arguments, "email"), role_of(arguments)
    password = arguments.get("password")
    user, made = await services.accounts.users.add(OPERATOR, email, role, account.id, password)
    result = {
        "id": str(user),
        "email": email,
        "account": str(account.id),
        "account_name": account.name,
        "role": role,
    }
    return {**result, "password": made} if made else result


async def user_list(services: HasAccounts, arguments: Arguments) -> object:
    """People with their memberships; of one `account` if given."""
    wanted = await account_filter(services, arguments)
    return [
        user_shown(user)
        for user in await services.accounts.users.list(OPERATOR)
        if wanted is None or any(m.account == wanted for m in user.memberships)
    ]


async def user_role(services: HasAccounts, arguments: Arguments) -> object:
    """`email`, `account`, `role`: another role there."""
    account = await account_of(services, arguments)
    email, users = text_of(arguments, "email"), services.accounts.users
    await users.change_role(OPERATOR, email, account.id, role_of(arguments))
    return user_shown(await users.get(OPERATOR, email))


async def user_remove(services: HasAccounts, arguments: Arguments) -> object:
    """`email`, `account`: no role there any more."""
    account = await account_of(services, arguments)
    email, users = text_of(arguments, "email"), services.accounts.users
    await users.remove(OPERATOR, email, account.id)
    return user_shown(await users.get(OPERATOR, email))


async def user_disable(services: HasAccounts, arguments: Arguments) -> object:
    """`email`."""
    email = text_of(arguments, "email")
    await services.accounts.users.disable(OPERATOR, email)
    return {"email": email, "state": State.DISABLED}


async def user_unlock(services: HasAccounts, arguments: Arguments) -> object:
    """`email`."""
    email = text_of(arguments, "email")
    await services.accounts.users.unlock(OPERATOR, email)
    return {"email": email, "state": State.ACTIVE}


async def user_reset(services: HasAccounts, arguments: Arguments) -> object:
    """`email`, `password`; the result has a `password` if one was made up."""
    email = text_of(arguments, "email")
    made = await services.accounts.users.reset(OPERATOR, email, arguments.get("password"))
    return {"email": email, "password": made} if made else {"email": email}


def operations() -> dict[str, Operation]:
    """All that the control socket knows of accounts, by name."""
    return {
        "account.add": account_add,
        "account.list": account_list,
        "account.show": account_show,
        "account.rename": account_rename,
        "account.set": account_set,
        "account.disable": account_disable,
        "account.enable": account_enable,
        "account.close": account_close,
        "user.add": user_add,
        "user.list": user_list,
        "user.role": user_role,
        "user.remove": user_remove,
        "user.disable": user_disable,
        "user.unlock": user_unlock,
        "user.reset": user_reset,
        "credential.add": credential_operations.credential_add,
        "credential.list": credential_operations.credential_list,
        "credential.revoke": credential_operations.credential_revoke,
        "credential.rotate": credential_operations.credential_rotate,
    }


def account_shown(account: Account) -> dict[str, object]:
    """An account as JSON."""
    return {
        "id": str(account.id),
        "name": account.name,
        "parent": None if account.parent is None else str(account.parent),
        "kind": account.kind,
        "state": account.state,
        "language": account.language,
        "timezone": account.timezone,
        "needs_approval": account.needs_approval,
        "created": time_of(account.created_ms),
    }


def user_shown(user: User) -> dict[str, object]:
    """A person as JSON."""
    return {
        "id": str(user.id),
        "email": user.email,
        "state": user.state,
        "locked_until": time_of(user.locked_until_ms),
        "created": time_of(user.created_ms),
        "memberships": [
            {"account": str(m.account), "account_name": m.account_name, "role": m.role}
            for m in user.memberships
        ],
    }


def _optional(arguments: Arguments, key: str) -> str | None:
    value = arguments.get(key)
    if value is not None and not isinstance(value, str):
        raise PermanentError(f"the argument {key!r} is no text")
    return value
