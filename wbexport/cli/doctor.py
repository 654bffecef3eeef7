"""`wbexport doctor`: where the settings came from, and whether the server answers."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from wbexport.cli.connection import load_settings
from wbexport.cli.options import ApiKeyFile, BaseUrl, Json, Quiet, Verbose
from wbexport.cli.output import write_record
from wbexport.errors import RequestError, SettingsError, WbexportError

if TYPE_CHECKING:
    from wbexport.graphql.client import GraphQL
    from wbexport.settings import Settings

__all__ = ["doctor", "proxy_of"]

_PACKAGES = ("wbexport", "duckdb", "pyarrow", "polars", "httpx")


def doctor(
    *,
    base_url: BaseUrl = None,
    api_key_file: ApiKeyFile = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> int:
    """Show server and key, where from, and if they work.

    Example: wbexport doctor
    """
    settings = load_settings(base_url, api_key_file)
    facts: dict[str, object] = {
        "server": settings.base_url,
        "server from": settings.base_url_source,
        "key from": settings.credential.source if settings.credential else "nowhere",
        "default entity": settings.entity,
        "default project": settings.project,
        "proxy": proxy_of(settings.base_url),
        "certificates": str(settings.ca_file or "packaged"),
        "python": platform.python_version(),
    }
    facts |= {package: version(package) for package in _PACKAGES}
    try:
        facts |= _ask_server(settings)
    except (RequestError, SettingsError) as error:
        write_record(facts | {"answer": "none"}, as_json=as_json)
        raise error
    write_record(facts, as_json=as_json)
    return 0


def proxy_of(url: str) -> str:
    """Names the proxy that requests to a URL take, without its password.

    Args:
        url: Where requests go.

    Returns:
        Scheme, host and port of the proxy, or "none".
    """
    target = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(target.hostname or ""):
        return "none"
    route = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = f":{route.port}" if route.port else ""
    return f"{route.scheme or 'http'}://{route.hostname}{port}"


def _ask_server(settings: Settings) -> dict[str, object]:
    from wbexport.graphql.client import GraphQL
    from wbexport.transport.session import Session

    settings.require_credential()
    with Session(settings) as session:
        graphql = GraphQL(session)
        started = time.monotonic()
        viewer = graphql.execute("Viewer", {})["viewer"] or {}
        seconds = time.monotonic() - started
        release = _server_version(graphql)
    return {
        "answer": f"in {seconds * 1000:.0f} ms",
        "user": viewer.get("username"),
        "entity": viewer.get("entity"),
        "server version": release,
    }


def _server_version(graphql: GraphQL) -> str:
    """The release of a self-hosted server; the cloud, and old servers, do not tell."""
    try:
        info = graphql.execute("ServerVersion", {})["serverInfo"] or {}
    except WbexportError:
        return "not told"
    release = (info.get("latestLocalVersionInfo") or {}).get("versionOnThisInstanceString")
    return str(release or "not told")
