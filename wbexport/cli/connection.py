"""From options to settings: which server, and a key that never stood on a command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wbexport.errors import SettingsError

if TYPE_CHECKING:
    from wbexport.settings import Settings

__all__ = ["load_settings"]


def load_settings(base_url: str | None = None, api_key_file: str | None = None) -> Settings:
    """Loads settings as `wbexport.Api` does, after the options of a command.

    Args:
        base_url: Value of `--base-url`.
        api_key_file: Value of `--api-key-file`; `-` is standard input.

    Raises:
        SettingsError: The key or the URL cannot be right; the message does not hold the key.
    """
    from wbexport.settings import Settings

    key = None if api_key_file is None else _read_key(api_key_file)
    return Settings.load(api_key=key, overrides={"base_url": base_url} if base_url else None)


def _read_key(source: str) -> str:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--api-key-file {source}: cannot be read ({error})") from None
    key = text.strip()
    if not key:
        raise SettingsError(f"--api-key-file {source}: there is no key in it")
    return key
