"""The group of commands that write reports as files; its commands stand in modules of their own."""

import click


@click.group()
def report() -> None:
    """Reports of an account as PDF or XLSX: numbered, kept, with the hash of their data."""
