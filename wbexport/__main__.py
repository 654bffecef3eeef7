"""Runs the command line with `python -m wbexport`."""

from __future__ import annotations

from wbexport.cli.main import main

if __name__ == "__main__":
    main()
