"""Durable truth: one database with group commit, and the segment files that hold contents."""
