"""Files of runs and artifacts: list, download, verify, delete."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import urljoin, urlsplit

from wbexport.api.answers import run_in
from wbexport.api.attributes import Attributes
from wbexport.api.collection import QueryText, SizedCollection
from wbexport.api.downloads import save_file
from wbexport.errors import InputError, NotFoundError, ResponseError
from wbexport.paths import resolve_inside
from wbexport.transport.download import Expect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wbexport.api.client import Api
    from wbexport.api.run_fields import RunFields
    from wbexport.api.service import Service

__all__ = ["File", "Files"]

_S3_HOST = re.compile(r"s3[.-].*amazonaws\.com$|s3\.amazonaws\.com$")


class File(Attributes):
    """A file of a run or of an artifact.

    Its fields: `id`, `name`, `url`, `direct_url`, `sizeBytes`, `md5`, `mimetype`, `updated_at`.

    Args:
        client: Executes queries and downloads.
        attrs: The file's fields.
        run: The run it belongs to; None for a file of an artifact.
        find_again: Lists the file anew, when the address of its bytes has expired.

    Example:
        >>> run.file("config.yaml").download("copy").read()[:6]
        'lr: 0.'
    """

    def __init__(
        self,
        client: Service,
        attrs: Mapping[str, Any],
        run: RunFields | None = None,
        *,
        find_again: Callable[[], File] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.client = client
        self.run = run
        self._find_again = find_again

    @property
    def size(self) -> int:
        """Its size in bytes; 0 when unknown."""
        return int(self._attrs.get("sizeBytes") or 0)

    @property
    def path_uri(self) -> str:
        """Its place in the storage bucket; empty text when that is unknown."""
        direct = str(self._attrs.get("directUrl") or "")
        if direct == self._attrs.get("url"):
            return direct
        parts = urlsplit(direct)
        host = parts.hostname or ""
        bucket, _, rest = host.partition(".")
        return f"s3://{bucket}/{parts.path.lstrip('/')}" if _S3_HOST.search(rest) else ""

    def download(
        self,
        root: str = ".",
        replace: bool = False,
        exist_ok: bool = False,
        api: Api | None = None,
    ) -> TextIO:
        """Save the file below a folder and open it.

        Args:
            root: The folder.
            replace: Overwrite a file that is there.
            exist_ok: Open a file that is there, without fetching it, unless `replace` is given.
            api: Fetches the file, if another than the file's own should.

        Returns:
            The saved file, opened to read as text.

        Raises:
            InputError: The file is there, and neither `replace` nor `exist_ok` is given.
            UnsafeNameError: The file's name would lead out of the folder, or over a link.
            IntegrityError: What came is not what the server promised. Nothing was saved.
            NotFoundError: The server has the file no more.
        """
        target = resolve_inside(Path(root), self.name)
        if target.exists() and not replace:
            if not exist_ok:
                raise InputError(
                    f"{target} exists: pass replace=True to overwrite it, "
                    "or exist_ok=True to open it as it is."
                )
            return target.open(encoding="utf-8")
        save_file(
            (self.client if api is None else api.client).session,
            self._absolute_url(),
            Path(root),
            self.name,
            expect=self._expected,
            refresh=self._fresh_url,
        )
        return target.open(encoding="utf-8")

    def read(self) -> bytes:
        """Fetch the file into memory.

        Returns:
            Its bytes.

        Raises:
            NotFoundError: The server has the file no more.
            IntegrityError: What came is not what the server promised.
        """
        return self.client.session.get_bytes(
            self._absolute_url(), expect=self._expected, refresh=self._fresh_url
        )

    def delete(self) -> None:
        """Delete the file from the run.

        Raises:
            InputError: It is a file of an artifact; those go with their version.
            RequestError: The server did not delete it.
        """
        if self.run is None:
            raise InputError(f"{self.name!r} is no file of a run; delete its artifact instead.")
        variables = {"files": [self.id], "projectId": self.run.project_internal_id}
        answer = self.client.execute("DeleteFiles", variables).get("deleteFiles") or {}
        if not answer.get("success"):
            raise ResponseError(f"The server did not delete {self.name!r} of {self.run.run_path}.")

    @property
    def _expected(self) -> Expect:
        size = self._attrs.get("sizeBytes")
        return Expect(None if size is None else int(size), self._attrs.get("md5") or None)

    def _absolute_url(self) -> str:
        url = self._attrs.get("url") or self._attrs.get("directUrl")
        if not url:
            raise ResponseError(f"The server gave no URL for file {self.name!r}.")
        return urljoin(self.client.session.settings.base_url, str(url))

    def _fresh_url(self) -> str:
        if self._find_again is not None:
            self._attrs |= self._find_again()._attrs
        return self._absolute_url()

    def __repr__(self) -> str:
        return f"<File {self.name} ({self._attrs.get('mimetype')}) {self.size} bytes>"


class Files(SizedCollection[File]):
    """A lazy listing of a run's files.

    Args:
        client: Executes queries.
        run: The run.
        names: Only files of exactly these names; empty for all.
        per_page: Files per request.
        upload: Ask for URLs to upload to.
        pattern: Only files whose name matches this SQL `LIKE` pattern.

    Raises:
        InputError: Both names and a pattern are given.

    Example:
        >>> [file.name for file in run.files(pattern="%.json")]
        ['wandb-metadata.json', 'wandb-summary.json']
    """

    QUERY = QueryText("RunFiles")
    _PAGE_VARIABLES = ("fileLimit", "fileCursor")

    def __init__(
        self,
        client: Service,
        run: RunFields,
        names: list[str] | None = None,
        per_page: int = 50,
        upload: bool = False,
        pattern: str | None = None,
    ) -> None:
        if names and pattern:
            raise InputError(
                "Files are found by names or by a pattern, not by both; leave one out."
            )
        variables = {
            "entity": run.entity,
            "project": run.project,
            "name": run.id,
            "fileNames": list(names or []),
            "upload": upload,
            "pattern": pattern,
        }
        super().__init__(client, variables, per_page)
        self.run = run

    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        run = run_in(data, self.run.run_path)
        self._count = run.get("fileCount")
        files: Mapping[str, Any] | None = run.get("files")
        return files

    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[File]:
        return [
            File(self.client, node, self.run, find_again=partial(self._find, node["name"]))
            for node in nodes
        ]

    def _find(self, name: str) -> File:
        for file in Files(self.client, self.run, [name]):
            return file
        raise NotFoundError(f"Run {self.run.run_path} has no file {name!r} any more.")

    def __repr__(self) -> str:
        return f"<Files {self.run.run_path}>"
