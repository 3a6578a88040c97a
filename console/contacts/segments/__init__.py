"""Segments: contacts chosen by what is known of them, looked up anew each time."""
