"""Runs sweeps: what to try next, which agent tries it, and when to stop."""
