"""Reads the run folders that offline runs leave behind into a store."""
