"""The files and references of an artifact: looking at them, and adding them to a new one."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
import weakref
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import unquote, urljoin, urlsplit

from wbexport.api.artifacts.fields import ArtifactFields
from wbexport.api.artifacts.manifest import (
    ArtifactManifest,
    ArtifactManifestEntry,
    base64_to_hex,
    file_digest,
    hex_to_base64,
)
from wbexport.api.artifacts.references import refer_to_files, refer_to_page, walk_files
from wbexport.api.concurrent import map_in_order
from wbexport.errors import ConflictError, InputError, MissingEntryError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Self

    from wbexport.api.client import Api
    from wbexport.api.service import Service
    from wbexport.paths import ArtifactPath
    from wbexport.settings import Settings

__all__ = ["ArtifactContents"]


class ArtifactContents(ArtifactFields):
    """The contents of an artifact. They may be changed until it is logged.

    Attributes:
        open_api: Opens a connection for an artifact that has none; `api.client` says which.

    Args:
        name: Name of the collection.
        type: Its type.
        description: What it is.
        metadata: Anything to know of it.
    """

    open_api: ClassVar[Callable[..., Api]]

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(name, type, description, metadata)
        self._manifest: ArtifactManifest | None = None
        self._staging: Path | None = None
        #: Artifacts that this one refers to, by their ids in hexadecimal.
        self._referred: dict[str, ArtifactContents] = {}
        self._added: dict[str, ArtifactManifestEntry] = {}

    @classmethod
    def from_node(
        cls,
        client: Service,
        node: Mapping[str, Any],
        path: ArtifactPath | None = None,
        membership: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make an artifact of what the server says.

        Args:
            client: Executes queries.
            node: The version.
            path: How it was asked for; by default as the version of its own sequence.
            membership: What the version is in the collection it was asked for in.

        Returns:
            The artifact.
        """
        made = cls.__new__(cls)
        # The rules for new names are not for those that the server has.
        ArtifactContents.__init__(made, "", "")
        made.adopt(client, node, path, membership)
        return made

    @classmethod
    def from_id(cls, client: Service, artifact_id: str) -> Self:
        """Fetch an artifact by its id.

        Args:
            client: Executes queries.
            artifact_id: The id.

        Returns:
            The artifact, as the version of its own sequence.

        Raises:
            NotFoundError: There is no such artifact, or this key may not see it.
        """
        node = client.execute("ArtifactById", {"id": artifact_id}).get("artifact")
        if node is None:
            raise NotFoundError(f"There is no artifact with id {artifact_id!r}.")
        return cls.from_node(client, node)

    @property
    def manifest(self) -> ArtifactManifest:
        """All files and references of the artifact.

        Raises:
            NotFoundError: The server has no manifest of it, as when it was deleted.
        """
        if self._manifest is None:
            if self.is_draft():
                self._manifest = ArtifactManifest(digest_algorithm=self.digest_algorithm)
            else:
                self._manifest = self._fetch_manifest()
        return self._manifest

    def _fetch_manifest(self) -> ArtifactManifest:
        found = self.client.execute("ArtifactManifest", {"id": self.logged_id}).get("artifact")
        manifest = (found or {}).get("currentManifest")
        if manifest is None:
            raise NotFoundError(f"Artifact {self.qualified_name} has no contents on the server.")
        session = self.client.session
        url = urljoin(session.settings.base_url, manifest["file"]["directUrl"])
        read = ArtifactManifest.from_json(session.get_bytes(url), self.digest_algorithm)
        for entry in read:
            entry.artifact = self  # type: ignore[assignment] # the class built on this one
        return read

    @property
    def digest(self) -> str:
        """The hash of all paths and digests: equal contents have equal digests."""
        known = self._manifest is None and not self.is_draft()
        return str(self._node["digest"]) if known else self.manifest.digest()

    @property
    def size(self) -> int:
        """Bytes of all files and references together."""
        known = self._manifest is None and not self.is_draft()
        return int(self._node["size"]) if known else self.manifest.size()

    def get_entry(self, name: str | os.PathLike[str]) -> ArtifactManifestEntry:
        """Return one file or reference of the artifact.

        Args:
            name: Its path in the artifact.

        Returns:
            Its entry in the manifest.

        Raises:
            MissingEntryError: The artifact has no such file; it is a KeyError too.
        """
        self._require_logged()
        path = str(PurePosixPath(name))
        if path not in self.manifest.entries:
            raise MissingEntryError(f"Artifact {self.name!r} has no file {path!r}.")
        return self.manifest.entries[path]

    def get_path(self, name: str | os.PathLike[str]) -> ArtifactManifestEntry:
        """Return one file of the artifact. Deprecated: use `get_entry`.

        Args:
            name: Its path in the artifact.

        Returns:
            Its entry in the manifest.

        Raises:
            MissingEntryError: The artifact has no such file.
        """
        warnings.warn("Artifact.get_path is deprecated; use get_entry.", FutureWarning, 2)
        return self.get_entry(name)

    def add_file(
        self,
        local_path: str | os.PathLike[str],
        name: str | None = None,
        is_tmp: bool | None = False,
        skip_cache: bool | None = False,
        policy: Literal["mutable", "immutable"] | None = "mutable",
        overwrite: bool = False,
    ) -> ArtifactManifestEntry:
        """Add a file of this machine.

        Args:
            local_path: The file.
            name: Its path in the artifact; by default its own name.
            is_tmp: Name it after its content.
            skip_cache: Accepted as in W&B.
            policy: `mutable` copies the file now; `immutable` reads it when the artifact is logged,
                and trusts that it does not change.
            overwrite: Replace another file of that path.

        Returns:
            The entry.

        Raises:
            ConflictError: The artifact is logged already.
            InputError: There is no such file, or the artifact has another one of that path.
        """
        self._require_draft()
        source = Path(local_path)
        if not source.is_file():
            raise InputError(f"There is no file {str(source)!r} to add.")
        return self._add_local(source, name or source.name, policy, overwrite, by_content=is_tmp)

    def add_dir(
        self,
        local_path: str | os.PathLike[str],
        name: str | None = None,
        skip_cache: bool | None = False,
        policy: Literal["mutable", "immutable"] | None = "mutable",
        merge: bool = False,
    ) -> None:
        """Add all files below a folder of this machine.

        Args:
            local_path: The folder.
            name: Its path in the artifact; by default the artifact's top.
            skip_cache: Accepted as in W&B.
            policy: See `add_file`.
            merge: Replace other files of the same paths.

        Raises:
            ConflictError: The artifact is logged already.
            InputError: There is no such folder, or the artifact has another file of a path.
        """
        self._require_draft()
        root = Path(local_path)
        if not root.is_dir():
            raise InputError(f"There is no folder {str(root)!r} to add.")
        self._staging_folder()

        def add(path: Path) -> None:
            inner = PurePosixPath(name or "", path.relative_to(root).as_posix())
            self._add_local(path, str(inner), policy, merge)

        map_in_order(add, list(walk_files(root)))

    def add_reference(
        self,
        uri: ArtifactManifestEntry | str,
        name: str | os.PathLike[str] | None = None,
        checksum: bool = True,
        max_objects: int | None = None,
    ) -> Sequence[ArtifactManifestEntry]:
        """Add a reference. What it leads to is not uploaded.

        Args:
            uri: An address, or the entry of another artifact. Of a web page, size and ETag are
                asked for; a local file is hashed, and a folder gives one reference per file;
                buckets and all else are noted by their address alone.
            name: Path in the artifact; by default the last part of the address.
            checksum: Look at what is there; otherwise only the address counts.
            max_objects: How many files a folder may have.

        Returns:
            The entries.

        Raises:
            ConflictError: The artifact is logged already.
            InputError: It is not an address, or the artifact has another file of that path.
            NotFoundError: There is nothing at the address.
        """
        self._require_draft()
        place = None if name is None else _checked_path(name)
        address = uri.ref_url() if isinstance(uri, ArtifactManifestEntry) else uri
        if isinstance(uri, ArtifactManifestEntry):
            self._client = self._client or uri.parent_artifact().client
        scheme = urlsplit(address).scheme
        if not scheme:
            raise InputError(f"{address!r} is not an address; for a local file write file:///path.")
        if scheme == "file":
            made = list(refer_to_files(address, place, checksum=checksum, most=max_objects))
        elif scheme == "wandb-artifact":
            made = [self._referring_to(address, place)]
        else:
            made = [refer_to_page(address, place, checksum=checksum)]
        for entry in made:
            self.manifest.add(entry)
        return made

    @contextmanager
    def new_file(
        self,
        name: str,
        mode: str = "x",
        encoding: str | None = None,
        policy: Literal["mutable", "immutable"] = "mutable",
    ) -> Iterator[IO[Any]]:
        """Open a new file of the artifact to write. It is added when it is closed.

        Args:
            name: Its path in the artifact.
            mode: How to open it; without `x` in it, another file of that path is replaced.
            encoding: The encoding of a text file; UTF-8 by default.
            policy: Accepted as in W&B.

        Yields:
            The file.

        Raises:
            ConflictError: The artifact is logged already.
            InputError: The artifact has another file of that path.
        """
        self._require_draft()
        path = _checked_path(name)
        if "x" in mode and path in self.manifest.entries:
            raise InputError(f"The artifact has {path!r} already; open it with mode='w'.")
        draft = self._staging_file()
        encoding = None if "b" in mode else encoding or "utf-8"
        with draft.open(mode.replace("x", "w"), encoding=encoding) as file:
            yield file
        self._add_local(draft, path, "immutable", "x" not in mode)

    def remove(self, item: str | os.PathLike[str] | ArtifactManifestEntry) -> None:
        """Take out a file, a reference, or all below a path.

        Args:
            item: A path in the artifact, or an entry.

        Raises:
            ConflictError: The artifact is logged already.
            NotFoundError: The artifact has nothing there.
        """
        self._require_draft()
        path = item.path if isinstance(item, ArtifactManifestEntry) else str(PurePosixPath(item))
        entries = self.manifest.entries
        found = [each for each in entries if each == path or each.startswith(f"{path}/")]
        if not found:
            raise NotFoundError(f"Artifact {self.name!r} has nothing at {path!r} to remove.")
        for each in found:
            del entries[each]

    def get_added_local_path_name(self, local_path: str) -> str | None:
        """Return the path in the artifact of a file of this machine.

        Args:
            local_path: The file, as it was given to `add_file`.

        Returns:
            The path; None when the file was not added.
        """
        entry = self._added.get(str(Path(local_path)))
        return entry.path if entry else None

    def finalize(self) -> None:
        """Allow no more changes of the contents."""
        self._final = True

    def _require_draft(self) -> None:
        if self._final:
            raise ConflictError(
                f"The contents of artifact {self.name!r} cannot be changed any more; "
                "change those of artifact.new_draft() and log that."
            )

    def _add_local(
        self,
        source: Path,
        name: str,
        policy: str | None,
        overwrite: bool,
        *,
        by_content: bool | None = False,
    ) -> ArtifactManifestEntry:
        if policy not in ("mutable", "immutable", None):
            raise InputError(f"policy must be 'mutable' or 'immutable', not {policy!r}.")
        path, kept = _checked_path(name), source
        if policy != "immutable":
            kept = self._staging_file()
            shutil.copyfile(source, kept)
        digest = file_digest(kept)
        if by_content:
            place = PurePosixPath(path)
            _, dot, rest = place.name.partition(".")
            path = str(place.with_name(f"{base64_to_hex(digest)[:20]}{dot}{rest}"))
        entry = ArtifactManifestEntry(path, digest, kept.stat().st_size, local_path=str(kept))
        self.manifest.add(entry, overwrite=overwrite)
        self._added[str(source)] = entry
        return entry

    def _staging_file(self) -> Path:
        handle, name = tempfile.mkstemp(dir=self._staging_folder())
        os.close(handle)
        return Path(name)

    def _staging_folder(self) -> Path:
        """Return a folder of this machine that goes when the artifact does."""
        if self._staging is None:
            self._staging = Path(tempfile.mkdtemp(prefix="wbexport-artifact-"))
            weakref.finalize(self, shutil.rmtree, self._staging, ignore_errors=True)
        return self._staging

    def _connection(self, settings: Settings | None = None) -> Service:
        """Return the way to the server; for a new artifact that of the environment."""
        if self._client is None:
            self._client = self.open_api(settings=settings).client
        return self._client

    def target_of(self, entry: ArtifactManifestEntry) -> ArtifactManifestEntry:
        """Follow references to other artifacts to the file or address they lead to.

        Args:
            entry: Any entry.

        Returns:
            The entry at the end; the same one when it refers to no artifact.

        Raises:
            NotFoundError: An artifact on the way is gone, or has no such file.
        """
        while entry.ref and entry.ref.startswith("wandb-artifact:"):
            parts = urlsplit(entry.ref)
            if parts.netloc not in self._referred:
                found = self.from_id(self._connection(), hex_to_base64(parts.netloc))
                self._referred[parts.netloc] = found
            path = unquote(parts.path).lstrip("/")
            entry = self._referred[parts.netloc].get_entry(path)
        return entry

    def _referring_to(self, address: str, name: str | None) -> ArtifactManifestEntry:
        target = self.target_of(ArtifactManifestEntry("", "", ref=address))
        extra = dict(target.extra)
        return ArtifactManifestEntry(
            name or PurePosixPath(target.path).name,
            target.digest,
            target.size,
            ref=target.ref or target.ref_url(),
            extra=extra,
        )


def _checked_path(name: str | os.PathLike[str]) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InputError(f"{str(name)!r} is not a path in an artifact: it would leave it.")
    return str(path)
