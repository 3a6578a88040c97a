"""Incidents: what somebody reported to the support, and how it went on."""
