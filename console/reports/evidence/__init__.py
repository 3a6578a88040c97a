"""What was sent, provable: the report that payment depends on (T-v).

`reading` walks what a store keeps of each send, `gathering` counts and digests it as it passes by,
`sheets` writes every row of it as XLSX, `document` a summary with samples as a document to print.
Import the module you need; this package re-exports nothing.
"""
