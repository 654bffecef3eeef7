"""Saves what is downloaded: a whole file under its name, or nothing."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from wbexport.paths import resolve_inside
from wbexport.transport.download import Expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wbexport.transport import Session

__all__ = ["save_file"]


def save_file(
    session: Session,
    url: str,
    root: Path,
    name: str,
    *,
    expect: Expect | None = None,
    refresh: Callable[[], str] | None = None,
) -> Path:
    """Download a file below a folder; a file that is there is replaced when all bytes are in.

    Args:
        session: Fetches it.
        url: Where it is.
        root: The folder, made when it is not there.
        name: Its name, with folders, as a server gave it.
        expect: Size and MD5, when known.
        refresh: Gives a new URL when the signed one has expired.

    Returns:
        The saved file.

    Raises:
        UnsafeNameError: The name would lead out of the folder, or over a link.
        IntegrityError: What came is not what was expected. Nothing was saved.
        NotFoundError: There is no such file.
        RequestError: There was no usable answer.
    """
    expect = expect or Expect()
    target = resolve_inside(root, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".{secrets.token_hex(8)}.partial"
    try:
        with partial.open("xb+") as sink:
            session.download(url, sink, size=expect.size, md5=expect.md5, refresh=refresh)
            sink.flush()
            os.fsync(sink.fileno())
        # Somebody may have put a link there meanwhile.
        partial.replace(resolve_inside(root, name))
    finally:
        partial.unlink(missing_ok=True)
    return target
