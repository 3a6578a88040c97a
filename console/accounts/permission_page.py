"""Writes the page of the reference on roles and permissions: `python -m console.accounts.permission_page`."""

from console.accounts.permissions import MEANINGS, PERMISSIONS, Permission
from console.accounts.values import Role

HEAD = """\
# Roles and permissions

<!-- Generated from the table: `python -m console.accounts.permission_page`. Do not edit. -->

A role holds in an account and in every account below it; somebody with several roles has what all of
them give. Every page, every call of the API and every command asks this one table
(`console/accounts/permissions.py`). Commands act as the operator, who may do everything. A credential
has the permissions that its scopes name, in its own account alone. How it all fits together:
[accounts](../explanation/accounts.md).

What an actor may not do is answered with 403; an account in which he has no role at all, and
everything in it, is answered with 404, as if it did not exist.

| role | in Spanish | is for |
| --- | --- | --- |
"""

ROLES = {
    Role.OWNER: ("titular", "everything; an account that has an owner keeps one"),
    Role.ADMINISTRATOR: ("administrador", "everything but personal data of whole accounts"),
    Role.SENDER: ("emisor", "prepares and sends; decides on what an editor asks to send"),
    Role.EDITOR: ("editor", "prepares campaigns and tests them, cannot send"),
    Role.VIEWER: ("lector", "looks"),
    Role.INTEGRATOR: (
        "integrador",
        "keys, webhooks and the log of mail; no contacts, no campaigns",
    ),
    Role.AUDITOR: ("auditor", "looks, reads the audit trail, exports"),
}

FOOT = """
Three rules stand beside the table, whoever asks:

- Nobody gives or takes a role that has a permission he has not in that account.
- Nobody changes his own role, disables himself or the account that he is in.
- In an account that is disabled or closed, and below it, nobody has `campaign.send`,
  `campaign.test` or `mail.send`, and roles that were given there are worth nothing.

Some things are the operator's alone, at the command line: main accounts, contracts, and credentials
with the scope `mail.any_sender`.
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for role in Role:
        spanish, purpose = ROLES[role]
        lines.append(f"| `{role}` | {spanish} | {purpose} |\n")
    lines.append("\n| permission | to | " + " | ".join(Role) + " |\n")
    lines.append("| --- | --- |" + " :-: |" * len(Role) + "\n")
    for permission in Permission:
        marks = " | ".join("•" if permission in PERMISSIONS[role] else " " for role in Role)
        lines.append(f"| `{permission}` | {MEANINGS[permission]} | {marks} |\n")
    lines.append(FOOT)
    return "".join(lines)


if __name__ == "__main__":
    print(page(), end="")
