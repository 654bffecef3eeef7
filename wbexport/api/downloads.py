"""Downloads to files of this machine: a whole file under its name, or nothing."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from wbexport.errors import ConflictError
from wbexport.paths import resolve_inside
from wbexport.transport.download import Expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wbexport.transport import Session

__all__ = ["save_file", "save_inside"]

#: Bytes of a file that is received before it is written.
_SMALL = 1 << 20


def save_inside(
    root: Path,
    name: str,
    receive: Callable[[BinaryIO], object],
    *,
    size: int | None = None,
    durable: bool = True,
) -> Path:
    """Write a file below a folder; a file that is there is replaced when all bytes are in.

    Args:
        root: The folder, made when it is not there.
        name: Its name, with folders, as a server gave it.
        receive: Writes the bytes; when they are few, to memory.
        size: How many they will be at most, if that is known.
        durable: Whether a power cut may not take a file that is in its place. Without it the
            caller must know by the content what has become of it.

    Returns:
        The saved file.

    Raises:
        UnsafeNameError: The name would lead out of the folder, or over a link.
        ConflictError: There is a folder in the place of the file, or a file in that of a folder.
    """
    if size is not None and size <= _SMALL:
        # Beside many others, each step on the disk costs more than the bytes.
        content = BytesIO()
        receive(content)
        return save_inside(
            root, name, lambda sink: sink.write(content.getbuffer()), durable=durable
        )
    target = resolve_inside(root, name)
    partial = target.parent / f".{secrets.token_hex(8)}.partial"
    try:
        with _created(partial) as sink:
            receive(sink)
            if durable:
                sink.flush()
                os.fsync(sink.fileno())
        # Somebody may have put a link there meanwhile.
        partial.replace(resolve_inside(root, name))
    except BaseException as error:
        with suppress(FileNotFoundError, NotADirectoryError):
            partial.unlink()
        if not isinstance(error, (FileExistsError, IsADirectoryError, NotADirectoryError)):
            raise
        raise ConflictError(
            f"{target} cannot be written: {error.strerror}; move it away."
        ) from None
    return target


def _created(path: Path) -> BinaryIO:
    """Open a new file, in a folder that most often is there already."""
    try:
        return path.open("xb+")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb+")


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

    def receive(sink: BinaryIO) -> None:
        session.download(url, sink, size=expect.size, md5=expect.md5, refresh=refresh)

    return save_inside(root, name, receive, size=expect.size)
