"""Who gets no mail: entries by account and for everybody, looked up in memory before each mail.

`lists` answers the doors and the dispatcher, `entries` makes the rows, `values` names reasons and
scopes. Who adds entries by himself is `mta.feedback.suppressing`; people do it by
`console.suppressions`. Import the module you need; this package re-exports nothing.
"""
