"""Downloads files into the blobs of a store."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING
from urllib.parse import urljoin

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.api.service import Service
    from wbexport.store.database import Store

__all__ = ["download_blob"]


def download_blob(
    service: Service,
    store: Store,
    url: str,
    *,
    size: int | None,
    md5: str | None,
    refresh: Callable[[], str],
    xxh128: str | None = None,
) -> str:
    """Download a file.

    Args:
        service: The server.
        store: The store.
        url: Where the file is, which may be relative to the server.
        size: How many bytes it must have.
        md5: What its MD5 must be, in base64.
        refresh: Gives a new URL when the old one has expired.
        xxh128: What its XXH128 must be, in hexadecimal.

    Returns:
        Its sha256, by which the store has it now.
    """
    session = service.session

    def absolute(address: str) -> str:
        return urljoin(session.settings.base_url, address)

    folder = store.path.parent if store.path.is_absolute() else None
    # A file without a name: whoever is killed leaves nothing behind.
    with tempfile.TemporaryFile(dir=folder) as sink:
        session.download(
            absolute(url), sink, size=size, md5=md5, refresh=lambda: absolute(refresh())
        )
        sink.seek(0)
        return store.blobs.add(sink, xxh128=xxh128).sha256
