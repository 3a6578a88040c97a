"""The kills of `tests.crash` against other mail servers, to compare; not part of any test run.

    python -m tests.crash.peers postfix --kills 60
    python -m tests.crash.peers relevo --kills 60
    python -m tests.crash.peers haraka --kills 60 --haraka DIR    # DIR: where `npm install Haraka` ran

Load, receivers and the points of the kills are those of the relay's own tests.
"""
