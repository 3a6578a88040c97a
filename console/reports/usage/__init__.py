"""The report of consumption and balance that is due every two months (T-r, letters a to g).

`data` is the report as values, `gather` reads them, `layout` makes sections and tables of them that
both writers share, `sheets` writes the XLSX; `book` keeps reports with their numbers and hashes.
Import the module you need; this package re-exports nothing.
"""
