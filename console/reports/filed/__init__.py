"""Hand-overs and evidence as numbered documents with the SHA-256 of each file.

`book` keeps them and says who may have them, `making` makes what was asked for, one after the other.
Their files lie in the folder `reports` of the data directory: evidence of millions of sends does not
belong into a database. Import the module you need; this package re-exports nothing.
"""
