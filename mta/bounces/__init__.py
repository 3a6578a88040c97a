"""What a refusal means: replies of remote servers sorted into seventeen classes.

The rules are data (`config/bounce_rules.toml`); this package reads and applies them and never does
I/O after loading. Import the module you need; this package re-exports nothing.
"""
