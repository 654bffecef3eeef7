"""Brings the files of an artifact to a folder: whole and verified, or not at all."""

from __future__ import annotations

import os
import shutil
import warnings
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin, urlsplit

from wbexport.api.artifacts.contents import ArtifactContents
from wbexport.api.artifacts.files import ArtifactFiles, iter_urls
from wbexport.api.artifacts.manifest import MD5, file_digest
from wbexport.api.artifacts.references import file_of_uri, place_digest
from wbexport.api.artifacts.tables import ArtifactTable, table_path
from wbexport.api.concurrent import map_in_order
from wbexport.api.downloads import save_inside
from wbexport.errors import InputError, IntegrityError, NotFoundError, UnsupportedError
from wbexport.paths import resolve_inside, safe_relative_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wbexport.api.artifacts.manifest import ArtifactManifestEntry

__all__ = ["ArtifactDownloads"]

#: Small files wait for the network: as many as a session has requests at once.
_JOBS = 32
#: Up to so many files are asked for by name; beyond that, all of them are.
_MOST_NAMES = 500


class ArtifactDownloads(ArtifactContents):
    """An artifact whose files can be brought to this machine and checked there."""

    def files(
        self, names: list[str] | None = None, per_page: int = 50, start: str | None = None
    ) -> ArtifactFiles:
        """Return the files of the artifact as the server lists them.

        Args:
            names: Only files of exactly these paths; empty for all.
            per_page: Files per request.
            start: The `cursor` of another listing, to go on from there.

        Returns:
            A lazy listing.

        Raises:
            ConflictError: The artifact has not been logged.
        """
        return ArtifactFiles(self.client, self, names, per_page, start)

    def download(
        self,
        root: str | os.PathLike[str] | None = None,
        allow_missing_references: bool = False,
        skip_cache: bool | None = None,
        path_prefix: str | os.PathLike[str] | None = None,
        multipart: bool | None = None,
        *,
        glob: str | None = None,
        jobs: int = _JOBS,
        fetch_references: bool = False,
        allow_file_references: bool = False,
    ) -> str:
        """Bring the files of the artifact to a folder.

        Files that are there already with the right content are not fetched again; others of the
        artifact's paths are replaced, and all else in the folder is left as it is. References to
        other artifacts are followed; those to addresses only when asked to.

        Args:
            root: The folder; by default `./artifacts/NAME:VERSION`.
            allow_missing_references: Leave out references that lead nowhere.
            skip_cache: Accepted as in W&B; nothing is cached but what is in the folder.
            path_prefix: Only files whose path starts like this.
            multipart: Accepted as in W&B; each file comes over one connection, and is taken up
                where that broke off.
            glob: Only files whose path matches this pattern, such as `images/*.png`; `*` stands
                for slashes too.
            jobs: Files to fetch at once.
            fetch_references: Fetch what references to web pages lead to.
            allow_file_references: Copy what references to files of this machine lead to.

        Returns:
            The folder.

        Raises:
            InputError: `jobs` is less than 1.
            ConflictError: The artifact has not been logged, or there is a folder in a file's place.
            UnsafeNameError: A path would lead out of the folder, or over a link.
            IntegrityError: What came is not what the manifest says. That file was not saved.
            NotFoundError: The server has a file no more, or a reference leads nowhere.
            UnsupportedError: A reference leads to where wbexport does not go, such as a bucket.
        """
        if jobs < 1:
            raise InputError(f"jobs must be a whole number above 0, not {jobs!r}.")
        prefix = os.fspath(path_prefix or "")
        entries = [
            entry
            for entry in self.manifest
            if entry.path.startswith(prefix) and fnmatchcase(entry.path, glob or "*")
        ]
        followed = [
            entry
            for entry in entries
            if _is_followed(entry.ref, pages=fetch_references, files=allow_file_references)
        ]
        if left := len(entries) - len(followed):
            warnings.warn(
                f"{left} references of {self.name} were left out; pass fetch_references=True "
                "(for addresses) or allow_file_references=True (for files of this machine).",
                UserWarning,
                stacklevel=2,
            )
        folder = self._root(root)
        self._save(followed, folder, jobs=jobs, may_lack=allow_missing_references)
        return str(folder)

    def download_entries(
        self, entries: Sequence[ArtifactManifestEntry], root: str | os.PathLike[str] | None = None
    ) -> list[str]:
        """Bring some files to a folder, and what references lead to, but for local files.

        Args:
            entries: Entries of the artifact's manifest.
            root: The folder; by default the artifact's own.

        Returns:
            Where each of them is.

        Raises:
            InputError: An entry refers to a file of this machine.
            WbexportError: See `download`.
        """
        if local := [each.ref for each in entries if urlsplit(each.ref or "").scheme == "file"]:
            raise InputError(
                f"{local[0]} is a file of this machine; to copy it, download the artifact with "
                "allow_file_references=True."
            )
        folder = self._root(root)
        self._save(entries, folder)
        return [str(resolve_inside(folder, entry.path)) for entry in entries]

    def checkout(self, root: str | os.PathLike[str] | None = None) -> str:
        """Make a folder hold what the artifact holds, and nothing else.

        Args:
            root: The folder; by default `./artifacts/NAME`. Files in it that are not in the
                artifact are deleted.

        Returns:
            The folder.

        Raises:
            WbexportError: See `download`.
        """
        folder = self._root(root, version=False)
        for path in _files_below(folder):
            if path.relative_to(folder).as_posix() not in self.manifest.entries:
                path.unlink()
        return self.download(folder)

    def verify(self, root: str | os.PathLike[str] | None = None) -> None:
        """Check that a folder holds what the artifact holds. References are not checked.

        Args:
            root: The folder; by default `./artifacts/NAME:VERSION`.

        Raises:
            IntegrityError: A file is missing, has another content, or is not of the artifact; it
                is a ValueError too.
        """
        folder = self._root(root)
        entries = self.manifest.entries
        for path in _files_below(folder):
            if path.relative_to(folder).as_posix() not in entries:
                raise IntegrityError(f"{path} is no file of artifact {self.name}.")
        files = [entry for entry in self.manifest if entry.ref is None]
        good = map_in_order(lambda entry: entry.matches(resolve_inside(folder, entry.path)), files)
        if wrong := [entry.path for entry, is_good in zip(files, good, strict=True) if not is_good]:
            raise IntegrityError(
                f"{len(wrong)} files in {folder} are not those of artifact {self.name}, "
                f"such as {wrong[0]!r}; download it again."
            )

    def file(self, root: str | os.PathLike[str] | None = None) -> str:
        """Bring the only file of the artifact to a folder.

        Args:
            root: The folder; by default `./artifacts/NAME:VERSION`.

        Returns:
            Where the file is.

        Raises:
            InputError: The artifact has another number of files.
            WbexportError: See `download`.
        """
        if len(self.manifest) != 1:
            raise InputError(
                f"Artifact {self.name} has {len(self.manifest)} files; use download() for all, or "
                "get_entry(path).download() for one."
            )
        return self.download_entries(list(self.manifest), root)[0]

    def get(self, name: str) -> ArtifactTable | None:
        """Return a table that was put into the artifact.

        Args:
            name: The name under which it was added.

        Returns:
            The table; None when the artifact has none of this name.

        Raises:
            ConflictError: The artifact has not been logged.
            IntegrityError: The file is not a table.
            WbexportError: See `download`.
        """
        self._require_logged()
        entry = self.manifest.entries.get(table_path(name))
        if entry is None:
            return None
        with TemporaryDirectory() as folder:
            (path,) = self.download_entries([entry], folder)
            return ArtifactTable(Path(path).read_bytes(), name)

    def __getitem__(self, name: str) -> ArtifactTable | None:
        return self.get(name)

    def _root(self, root: str | os.PathLike[str] | None, *, version: bool = True) -> Path:
        if root is not None:
            return Path(root)
        source = self.source_path
        name = str(safe_relative_path(source.collection))
        folder = f"{name}:{source.alias}" if version else name
        return self.client.session.settings.artifact_dir / folder

    def _save(
        self,
        entries: Sequence[ArtifactManifestEntry],
        root: Path,
        *,
        jobs: int = _JOBS,
        may_lack: bool = False,
    ) -> None:
        """Save what is not there yet, with as many requests as there are pages of addresses."""
        places = {entry.path: resolve_inside(root, entry.path) for entry in entries}
        targets = self._targets(entries, may_lack)
        there = [item for item in targets.items() if os.path.lexists(places[item[0]])]
        good = map_in_order(lambda item: item[1].matches(places[item[0]]), there, jobs)
        present = {path for (path, _), is_good in zip(there, good, strict=True) if is_good}
        files: dict[int, _Missing] = {}
        for path, target in targets.items():
            if path in present:
                continue
            if target.ref is None:
                owner = target.parent_artifact()
                files.setdefault(id(owner), _Missing(owner)).add(target, path)
            else:
                _save_reference(self, target, root, path, may_lack)
        for missing in files.values():
            missing.save(root, jobs)

    def _targets(
        self, entries: Sequence[ArtifactManifestEntry], may_lack: bool
    ) -> dict[str, ArtifactManifestEntry]:
        found = {}
        for entry in entries:
            try:
                found[entry.path] = self.target_of(entry)
            except NotFoundError as error:
                _lack(error, may_lack)
        return found


class _Missing:
    """Files of one artifact that are to be fetched, each to one or more places."""

    def __init__(self, artifact: ArtifactDownloads) -> None:
        self._artifact = artifact
        self._paths: dict[str, list[str]] = {}

    def add(self, entry: ArtifactManifestEntry, path: str) -> None:
        """Ask for a file."""
        self._paths.setdefault(entry.path, []).append(path)

    def save(self, root: Path, jobs: int) -> None:
        """Fetch all of them."""
        names = list(self._paths) if len(self._paths) <= _MOST_NAMES else None
        for page in iter_urls(self._artifact, names):
            work = [
                (name, url, path)
                for name, url in page.items()
                for path in self._paths.pop(name, ())
            ]
            map_in_order(lambda item: self._save_file(root, *item), work, jobs)
        if self._paths:
            raise NotFoundError(
                f"The server lacks {len(self._paths)} files of {self._artifact.qualified_name}, "
                f"such as {next(iter(self._paths))!r}."
            )

    def _save_file(self, root: Path, name: str, url: str, path: str) -> None:
        entry = self._artifact.manifest.entries[name]
        session = self._artifact.client.session
        is_md5 = entry.digest_algorithm() == MD5

        def receive(sink: BinaryIO) -> None:
            session.download(
                self._absolute(url),
                sink,
                size=entry.size,
                md5=entry.digest if is_md5 else None,
                refresh=lambda: self._fresh_url(name),
            )
            sink.flush()
            if not is_md5 and not entry.matches(Path(sink.name)):
                raise IntegrityError(f"{name!r} came with another content. Nothing was kept.")

        # The digest will tell the next download what a power cut may have taken.
        save_inside(root, path, receive, size=entry.size if is_md5 else None, durable=False)

    def _fresh_url(self, name: str) -> str:
        for page in iter_urls(self._artifact, [name]):
            if name in page:
                return self._absolute(page[name])
        raise NotFoundError(f"{self._artifact.qualified_name} has no file {name!r} any more.")

    def _absolute(self, url: str) -> str:
        return urljoin(self._artifact.client.session.settings.base_url, url)


def _save_reference(
    artifact: ArtifactDownloads,
    entry: ArtifactManifestEntry,
    root: Path,
    path: str,
    may_lack: bool,
) -> None:
    receive = _from_file if urlsplit(entry.ref_target()).scheme == "file" else _from_page
    try:
        save_inside(root, path, lambda sink: receive(artifact, entry, sink))
    except (NotFoundError, UnsupportedError) as error:
        _lack(error, may_lack)


def _from_file(_: ArtifactDownloads, entry: ArtifactManifestEntry, sink: BinaryIO) -> None:
    source = file_of_uri(entry.ref_target())
    if not source.is_file():
        raise NotFoundError(f"There is no file at {entry.ref}.")
    with source.open("rb") as file:
        shutil.copyfileobj(file, sink)
    sink.flush()
    if entry.digest not in (place_digest(source), file_digest(Path(sink.name))):
        raise IntegrityError(f"The file at {entry.ref} is not the one that was referred to.")


def _from_page(artifact: ArtifactDownloads, entry: ArtifactManifestEntry, sink: BinaryIO) -> None:
    address = entry.ref_target()
    if urlsplit(address).scheme not in ("http", "https"):
        raise UnsupportedError(f"wbexport does not fetch {address}; use the tools of that storage.")
    received = artifact.client.session.download(address, sink, size=entry.size or None)
    noted = entry.extra.get("etag")
    if noted and received.etag and noted != received.etag:
        raise IntegrityError(f"{address} is not what was referred to any more: its ETag changed.")


def _lack(error: Exception, may_lack: bool) -> None:
    if not may_lack:
        raise error
    warnings.warn(f"A reference was left out: {error}", UserWarning, stacklevel=2)


def _is_followed(ref: str | None, *, pages: bool, files: bool) -> bool:
    scheme = urlsplit(ref or "").scheme
    return ref is None or scheme == "wandb-artifact" or (files if scheme == "file" else pages)


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in sorted(names))
