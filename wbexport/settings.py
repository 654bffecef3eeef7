"""Which W&B host to talk to, with which key, and which entity and project are meant by default.

A key and the host it belongs to travel together as a `Credential`. Files in the working directory
may name an entity and a project; they never choose the host, because a cloned folder would then
choose where the user's key is sent.
"""

from __future__ import annotations

import configparser
import ipaddress
import logging
import netrc
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from wbexport.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_BASE_URL",
    "DEFAULT_PORTS",
    "Credential",
    "Origin",
    "Settings",
    "is_api_key",
]

DEFAULT_BASE_URL = "https://api.wandb.ai"
_DEFAULT_TIMEOUT = 19.0
_CONFIG_KEYS = ("base_url", "app_url", "entity", "project", "organization")
_OVERRIDE_KEYS = (*_CONFIG_KEYS, "run", "username")
DEFAULT_PORTS = {"http": 80, "https": 443}
_TRUE_WORDS = frozenset({"1", "true", "yes", "on"})

_KEY_BODY = re.compile(r"[A-Za-z0-9_-]{40,}")
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_URL_TRICKS = re.compile(r"[\x00-\x20\x7f\\]")

_logger = logging.getLogger(__name__)


class Origin(NamedTuple):
    """Scheme, host and port of a URL: the unit a key is bound to.

    Args:
        scheme: `http` or `https`.
        host: Lower-case ASCII host name, or an address without brackets.
        port: Always given, also when it is the scheme's own.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Read the origin of an http or https URL.

        Args:
            url: An absolute URL. Blanks, backslashes and user names in it are refused, since
                different programs read them as different hosts.

        Returns:
            The origin.

        Raises:
            SettingsError: This is not a plain http or https URL.

        Example:
            >>> Origin.of("https://api.wandb.ai/graphql")
            Origin(scheme='https', host='api.wandb.ai', port=443)
        """
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError:
            raise SettingsError("A URL could not be read; write it as https://host.") from None
        if _URL_TRICKS.search(url) or parts.scheme not in DEFAULT_PORTS or not host:
            raise SettingsError("A URL is not of the form https://host; correct it.")
        if "@" in parts.netloc:
            raise SettingsError(f"The URL of {host} holds a user name or password; remove it.")
        return cls(parts.scheme, _ascii_host(host), port or DEFAULT_PORTS[parts.scheme])

    @property
    def netloc(self) -> str:
        """Host and, unless it is the scheme's own, port; as written in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by its very name."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True, slots=True)
class Credential:
    """An API key together with the one origin it may be sent to.

    Copying it deeply or pickling it gives None: a key does not travel with objects.

    Args:
        origin: Where the key may be sent.
        key: The key; never shown.
        source: Where the key came from, in words.
    """

    origin: Origin
    key: SecretStr = field(repr=False, compare=False)
    source: str

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return _no_credential, ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a session needs to know before the first request.

    Args:
        base_url: The W&B server, without a trailing slash.
        base_url_source: Where that URL came from, in words.
        app_url: The address of the web pages that belong to the server.
        credential: The key and its origin, when one was found.
        entity: Default entity.
        project: Default project.
        organization: Default organization.
        run: Default run id.
        artifact_dir: Folder to which artifacts are downloaded when none is given.
        timeout: Seconds to wait for the server to say something.
        read_only: Refuse mutations, uploads and posts of metrics.
        ca_file: Certificates to trust in place of the packaged ones.
        allow_private_hosts: Follow links of a public server into private networks.
        allow_http: Accept plain http to other machines.

    Example:
        >>> settings = Settings.load()
        >>> settings.base_url
        'https://api.wandb.ai'
    """

    base_url: str = DEFAULT_BASE_URL
    base_url_source: str = "default"
    app_url: str = "https://wandb.ai"
    credential: Credential | None = None
    entity: str | None = None
    project: str | None = None
    organization: str | None = None
    run: str | None = None
    artifact_dir: Path = Path("artifacts")
    timeout: float = _DEFAULT_TIMEOUT
    read_only: bool = False
    ca_file: Path | None = None
    allow_private_hosts: bool = False
    allow_http: bool = False

    @classmethod
    def load(
        cls,
        *,
        api_key: str | None = None,
        overrides: Mapping[str, str | None] | None = None,
        timeout: float | None = None,
        environ: Mapping[str, str] | None = None,
        home: Path | None = None,
        cwd: Path | None = None,
    ) -> Settings:
        """Collect settings from arguments, the environment and the user's files.

        Args:
            api_key: A key that wins over every other source.
            overrides: `base_url`, `app_url`, `entity`, `project`, `organization`, `run`.
            timeout: Seconds to wait for the server to say something.
            environ: Environment, the process's own by default.
            home: Home folder, the user's own by default.
            cwd: Working folder; its `wandb/settings` may name entity and project only.

        Returns:
            The settings. `credential` is None when no key was found.

        Raises:
            SettingsError: A key, URL, number or file is malformed.
        """
        environ = os.environ if environ is None else environ
        home = Path.home() if home is None else home
        cwd = Path.cwd() if cwd is None else cwd
        values, source = _collect(dict(overrides or {}), environ, home, cwd)
        base_url = _checked_base_url(values["base_url"] or DEFAULT_BASE_URL, source)
        allow_http = _is_true(environ, "WBEXPORT_ALLOW_HTTP")
        origin = Origin.of(base_url)
        if origin.scheme == "http" and not (origin.is_loopback or allow_http):
            raise SettingsError(
                f"{origin} ({source}) is plain http to another machine, which would show your key "
                "to the network. Use https, or set WBEXPORT_ALLOW_HTTP=1 to accept that."
            )
        return cls(
            base_url=base_url,
            base_url_source=source,
            app_url=(values["app_url"] or _app_url(base_url)).rstrip("/"),
            credential=_find_credential(origin, api_key, environ, home),
            entity=values["entity"],
            project=values["project"],
            organization=values["organization"],
            run=values["run"],
            artifact_dir=cwd / (environ.get("WANDB_ARTIFACT_DIR") or "artifacts"),
            timeout=_timeout(timeout, environ),
            ca_file=_ca_file(environ),
            allow_private_hosts=_is_true(environ, "WBEXPORT_ALLOW_PRIVATE_HOSTS"),
            allow_http=allow_http,
        )

    def with_key(self, key: str) -> Settings:
        """Return the same settings for another key.

        Args:
            key: An API key of the same server.

        Returns:
            The settings.

        Raises:
            SettingsError: The key is malformed.
        """
        return replace(self, credential=_credential(self.origin, key, "with_key"))

    @property
    def origin(self) -> Origin:
        """The origin of `base_url`."""
        return Origin.of(self.base_url)

    def require_credential(self) -> Credential:
        """Return the credential for `base_url`.

        Returns:
            The credential.

        Raises:
            SettingsError: There is none; the message names the places that were looked at.
        """
        if self.credential is None:
            raise SettingsError(
                f"No API key for {self.origin}. Looked at: the api_key argument, "
                "WBEXPORT_API_KEY_FILE, WANDB_API_KEY, and the entry "
                f"'machine {self.origin.netloc}' of the netrc file. "
                f"Take a key from {self.app_url}/authorize and set WANDB_API_KEY."
            )
        return self.credential


def _no_credential() -> None:
    """Stand in for a credential that was pickled."""


def _ascii_host(host: str) -> str:
    try:
        name = host.encode("ascii" if host.isascii() else "idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name):
        raise SettingsError("The host of a URL is not a valid name or address; correct it.")
    return name


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() in _TRUE_WORDS


def _collect(
    overrides: dict[str, str | None], environ: Mapping[str, str], home: Path, cwd: Path
) -> tuple[dict[str, str | None], str]:
    """Give every key its value from the first source that has one, and the source of the URL."""
    unknown = sorted(set(overrides) - set(_OVERRIDE_KEYS))
    if unknown:
        raise SettingsError(f"Unknown override {unknown[0]!r}; known: {', '.join(_OVERRIDE_KEYS)}.")
    overrides["entity"] = overrides.get("entity") or overrides.get("username")
    variables = {key: environ.get(f"WANDB_{key.upper()}") for key in _CONFIG_KEYS}
    variables["run"] = environ.get("WANDB_RUN_ID")
    own = home / ".config/wbexport/config.toml"
    shared = Path(environ.get("WANDB_CONFIG_DIR") or home / ".config/wandb") / "settings"
    sources: list[tuple[str, Mapping[str, str | None]]] = [
        ("overrides", overrides),
        ("environment", variables),
        (str(own), _read_toml(own)),
        (str(shared), _read_ini(shared)),
        ("working directory", _read_workspace(cwd / "wandb/settings", shared)),
    ]
    values: dict[str, str | None] = {}
    for key in (*_CONFIG_KEYS, "run"):
        values[key] = next((text for _, found in sources if (text := found.get(key))), None)
    source = next((name for name, found in sources if found.get("base_url")), "default")
    return values, "WANDB_BASE_URL" if source == "environment" else source


def _read_toml(path: Path) -> dict[str, str | None]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        raise SettingsError(f"{path} cannot be read as TOML; correct or remove it.") from None
    return {key: str(content[key]) for key in _CONFIG_KEYS if key in content}


def _read_ini(path: Path) -> dict[str, str | None]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, configparser.Error):
        # The parser's own message quotes the line, which may be a key.
        raise SettingsError(f"{path} is not a settings file; correct or remove it.") from None
    return {key: parser.get("default", key, fallback=None) for key in _CONFIG_KEYS}


def _read_workspace(path: Path, shared: Path) -> dict[str, str | None]:
    """Read entity and project of the working folder's settings, and nothing else."""
    if path.absolute() == shared.absolute():
        return {}
    try:
        found = _read_ini(path)
    except SettingsError:
        _logger.warning("Ignoring %s: it is not a settings file.", path)
        return {}
    if found.get("base_url"):
        _logger.warning(
            "Ignoring base_url in %s: a file in the working directory does not choose the host. "
            "Set WANDB_BASE_URL if you trust it.",
            path,
        )
    return {key: found.get(key) for key in ("entity", "project")}


def _checked_base_url(url: str, source: str) -> str:
    url = url.strip().rstrip("/")
    try:
        Origin.of(url)
    except SettingsError as error:
        raise SettingsError(f"base_url from {source}: {error}") from None
    if "?" in url or "#" in url:
        raise SettingsError(f"base_url from {source} holds a query; write it as https://host.")
    return url


def _app_url(base_url: str) -> str:
    if base_url.startswith("https://api.wandb."):
        return base_url.replace("https://api.", "https://", 1)
    if base_url == "https://api.forge.coreweave.com":
        return "https://forge.coreweave.com/wandb"
    return base_url.replace("https://api.", "https://app.", 1)


def _timeout(timeout: float | None, environ: Mapping[str, str]) -> float:
    text = str(timeout) if timeout is not None else environ.get("WANDB_HTTP_TIMEOUT", "")
    try:
        seconds = float(text) if text.strip() else _DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise SettingsError("The timeout (argument or WANDB_HTTP_TIMEOUT) must be seconds above 0.")
    return seconds


def _ca_file(environ: Mapping[str, str]) -> Path | None:
    name = environ.get("SSL_CERT_FILE") or environ.get("REQUESTS_CA_BUNDLE")
    return Path(name) if name else None


def _find_credential(
    origin: Origin, api_key: str | None, environ: Mapping[str, str], home: Path
) -> Credential | None:
    """Look for a key in the documented order; the first source that is set decides."""
    if api_key is not None:
        return _credential(origin, api_key, "the api_key argument")
    if name := environ.get("WBEXPORT_API_KEY_FILE"):
        return _credential(origin, _read_key_file(Path(name)), f"key file {name}")
    if (value := environ.get("WANDB_API_KEY")) is not None:
        return _credential(origin, value, "WANDB_API_KEY")
    return _from_netrc(origin, environ, home)


def is_api_key(text: str) -> bool:
    """Tell whether a text has the form of an API key."""
    body = text.split("-", 1)[-1]
    return any(map(_KEY_BODY.fullmatch, (body, text))) or _JWT.fullmatch(text) is not None


def _credential(origin: Origin, key: str, source: str) -> Credential:
    key = key.strip()
    if not key:
        raise SettingsError(f"The API key from {source} is empty; set it or remove it.")
    if not is_api_key(key):
        raise SettingsError(
            f"The API key from {source} is malformed: a key has at least 40 letters, digits, "
            f"'-' or '_', and this one has {len(key)} characters. Copy it again."
        )
    return Credential(origin, SecretStr(key), source)


def _read_key_file(path: Path) -> str:
    try:
        _warn_when_loose(path)
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise SettingsError(f"WBEXPORT_API_KEY_FILE: {path} cannot be read.") from None


def _from_netrc(origin: Origin, environ: Mapping[str, str], home: Path) -> Credential | None:
    """Take the entry of exactly this host and port, never `default`, which fits any host."""
    named = environ.get("NETRC")
    paths = [Path(named)] if named else [home / ".netrc", home / "_netrc"]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, ValueError, netrc.NetrcParseError):
        # The parser's own message quotes the token it stumbled over.
        raise SettingsError(f"{path} is not a valid netrc file; correct it.") from None
    names = {origin.netloc, f"{origin.host}:{origin.port}"} - {"default"}
    entry = next((hosts[name] for name in sorted(names) if name in hosts), None)
    if entry is None or not entry[2]:
        return None
    _warn_when_loose(path)
    return _credential(origin, entry[2], f"netrc entry {origin.netloc} in {path}")


def _warn_when_loose(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        _logger.warning("%s holds a key and other users may read it; run: chmod 600 %s", path, path)
