"""Where a domain's mail goes: MX hosts and their addresses, asked of DNS and remembered.

`mta.dns.resolver.Resolver` is the door. `answers` holds the values it gives, `cache` its memory,
`lookup` the one module that speaks DNS, `reachable` which addresses mail may be sent to, and
`candidates` the order in which they are tried.
"""
