"""The tables of the authorisation matrix: who may call what, one file per area.

A new method of a service whose first argument is `actor` needs a row here, a new route one in
`routes_*.py`; until then `tests/integration/test_permission_matrix.py` (or `…_route_matrix.py`)
fails and says so.
"""
