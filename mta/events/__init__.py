"""What Relevo tells about itself: metrics, event records and logs.

Nothing in here decides anything or waits for anything: a counter is an integer, a log line goes to
a bounded buffer that a thread empties. Import the module you need; this package re-exports nothing.
"""
