"""`POST /messages` and what belongs to it: the request as data, its mail, the service that sends.

`request` has the schema, `service` takes one and answers with a result for each recipient. The
dialects translate other providers' JSON into the same request, and the result back.
"""
