"""How fast, over how many connections, and when to slow down: decisions without I/O, time is an argument.

`rules.Shaping` reads `shaping.toml`, tells the site of a domain and the policy of a site.
`limiter.LaneLimiter` holds one lane to its policy, `limiter.TotalLimiter` all lanes of a site.
`backoff.Backoff` slows a lane down when the remote asks for it and lets it recover.
`deadhosts.DeadHosts` remembers addresses that do not answer.
"""
