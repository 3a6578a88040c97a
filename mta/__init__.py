"""The mail transfer agent: takes mail, keeps it, delivers it; knows nothing of the console.

`docs/explanation/architecture.md` has the layers and a mail's way through them.
"""
