"""Who goes next and when again: pure decisions, time is an argument, no I/O.

`fair` shares by start-time fair queueing, `stream` is a flow's small window of one site, `lane`
puts streams in classes with weights, `retry` decides what an outcome means for a delivery.
"""
