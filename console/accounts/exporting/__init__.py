"""Everything that is kept of an account, as one archive that other programs can read (T-t).

`columns` says how a table is declared, what is read of it and what a value means; `tables` lists what is
exported of accounts and mail, `archive` writes it. Other packages have an `exported` module of their own
with their tables; `console.app.exporting` joins them. All are read in one way, so their SQL is made of the
declarations and not written out in a file. Import the module you need; this package re-exports nothing.
"""
