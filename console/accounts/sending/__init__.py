"""Sending domains: who owns them, which DNS records they need, and whether these are there."""
