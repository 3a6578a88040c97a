"""Mail on its way out: windows of the queue, lanes by site, connections, and what comes of them.

Begin with `dispatcher`. Import the module you need; this package re-exports nothing.
"""
