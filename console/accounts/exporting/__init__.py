"""Everything that is kept of an account, as one archive that other programs can read (T-t).

`columns` says what a value means, `tables` lists what is exported of accounts and mail, `archive`
writes it. Other packages have an `exported` module of their own with their tables and statements;
`console.app.exporting` joins them. Import the module you need; this package re-exports nothing.
"""
