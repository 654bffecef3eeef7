"""Where host, key, entity and project come from, and where a key may go."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.errors import SettingsError
from wbexport.settings import Credential, Origin, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Load = Callable[..., Settings]

KEYS = {name: f"{name}-" + name[0] * 40 for name in ("argument", "file", "variable", "netrc")}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load settings in a world of their own: `home` and `work` below the test's folder."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()

    def start(environ: dict[str, str] | None = None, **options: Any) -> Settings:
        home, work = tmp_path / "home", tmp_path / "work"
        return Settings.load(environ=environ or {}, **({"home": home, "cwd": work} | options))

    return start


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def key_of(settings: Settings) -> str:
    return settings.require_credential().key.get_secret_value()


def test_the_default_is_the_cloud_without_a_key(load: Load) -> None:
    settings = load()
    assert (settings.base_url, settings.app_url) == ("https://api.wandb.ai", "https://wandb.ai")
    assert (settings.base_url_source, settings.credential) == ("default", None)


def test_a_key_is_taken_from_the_first_source_that_has_one(load: Load, tmp_path: Path) -> None:
    write(tmp_path / "home/.netrc", f"machine api.wandb.ai login user password {KEYS['netrc']}")
    path = write(tmp_path / "key", KEYS["file"] + "\n")
    environ: dict[str, str] = {}
    assert key_of(load(environ)) == KEYS["netrc"]
    environ["WANDB_API_KEY"] = KEYS["variable"]
    assert key_of(load(environ)) == KEYS["variable"]
    environ["WBEXPORT_API_KEY_FILE"] = str(path)
    assert key_of(load(environ)) == KEYS["file"]
    assert key_of(load(environ, api_key=KEYS["argument"])) == KEYS["argument"]


def test_a_host_is_taken_from_the_first_source_that_has_one(load: Load, tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    write(tmp_path / "home/.config/wandb/settings", "[default]\nbase_url = https://four.example\n")
    assert load(environ).base_url == "https://four.example"
    write(tmp_path / "home/.config/wbexport/config.toml", 'base_url = "https://three.example/"\n')
    assert load(environ).base_url == "https://three.example"
    environ["WANDB_BASE_URL"] = "https://two.example"
    assert load(environ).base_url_source == "WANDB_BASE_URL"
    settings = load(environ, overrides={"base_url": "https://one.example"})
    assert (settings.base_url, settings.base_url_source) == ("https://one.example", "overrides")


def test_another_config_folder_can_be_named(load: Load, tmp_path: Path) -> None:
    write(tmp_path / "conf/settings", "[default]\nentity = team\n")
    assert load({"WANDB_CONFIG_DIR": str(tmp_path / "conf")}).entity == "team"


def test_a_working_folder_names_entity_and_project_but_never_the_host(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "[default]\nbase_url = http://evil.example\nentity = team\nproject = p\napi_key = x\n"
    write(tmp_path / "work/wandb/settings", text)
    settings = load({"WANDB_API_KEY": KEYS["variable"]})
    assert (settings.entity, settings.project) == ("team", "p")
    assert settings.base_url == "https://api.wandb.ai"
    assert settings.require_credential().origin == Origin("https", "api.wandb.ai", 443)
    assert "does not choose the host" in caplog.text


def test_a_broken_file_in_the_working_folder_is_ignored_with_a_warning(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "work/wandb/settings", "no section\n")
    assert load().base_url == "https://api.wandb.ai"
    assert "not a settings file" in caplog.text


def test_the_users_own_file_counts_as_such_from_its_own_folder(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "home/.config/wandb/settings", "[default]\nbase_url = https://h.example\n")
    settings = load(cwd=tmp_path / "home/.config")
    assert settings.base_url == "https://h.example"
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("url", "name", "taken"),
    [
        ("https://w.example", "w.example", True),
        ("https://w.example", "w.example:443", True),
        ("https://w.example:8080", "w.example:8080", True),
        ("https://w.example:8080", "w.example", False),
        ("https://w.example", "w.example:8080", False),
        ("https://w.example", "evil-w.example", False),
        ("https://sub.w.example", "w.example", False),
        ("http://127.0.0.1:9000", "127.0.0.1:9000", True),
    ],
)
def test_a_netrc_entry_counts_for_exactly_its_host_and_port(
    url: str, name: str, taken: bool, load: Load, tmp_path: Path
) -> None:
    entry = f"machine {name} login user password {KEYS['netrc']}\n"
    write(tmp_path / "home/.netrc", entry)
    settings = load({"WANDB_BASE_URL": url})
    assert (settings.credential is not None) is taken


@pytest.mark.parametrize("host", ["w.example", "default"])
def test_a_default_entry_of_netrc_never_counts(host: str, load: Load, tmp_path: Path) -> None:
    write(tmp_path / "home/.netrc", f"default login user password {KEYS['netrc']}\n")
    assert load({"WANDB_BASE_URL": f"https://{host}"}).credential is None


def test_netrc_may_be_elsewhere(load: Load, tmp_path: Path) -> None:
    path = write(tmp_path / "n", f"machine api.wandb.ai login u password {KEYS['netrc']}\n")
    assert key_of(load({"NETRC": str(path)})) == KEYS["netrc"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
@pytest.mark.parametrize("source", ["netrc", "file"])
def test_a_file_that_others_may_read_is_warned_about(
    source: str, mode: int, load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = f"machine api.wandb.ai login user password {KEYS['netrc']}\n"
    write(tmp_path / "home/.netrc", entry, mode)
    path = write(tmp_path / "key", KEYS["file"], mode)
    load({"WBEXPORT_API_KEY_FILE": str(path)} if source == "file" else {})
    assert "chmod 600" in caplog.text


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (source, key)
        for source in ("argument", "variable", "file", "netrc")
        for key in ("", "  ", "short", "a" * 39, "a" * 39 + "é", "k" * 40 + " k", "x-y")
        if source != "netrc" or key.isalnum()  # netrc holds single words
    ],
)
def test_a_malformed_key_is_an_error_that_names_its_source_only(
    source: str, key: str, load: Load, tmp_path: Path
) -> None:
    path = write(tmp_path / "key", key)
    write(tmp_path / "home/.netrc", f"machine api.wandb.ai login user password {key}\n")
    options = {"argument": {"api_key": key}}.get(source, {})
    environ = {"variable": {"WANDB_API_KEY": key}, "file": {"WBEXPORT_API_KEY_FILE": str(path)}}
    words = {"argument": "api_key", "variable": "WANDB_API_KEY", "file": "key file"}
    with pytest.raises(SettingsError, match=words.get(source, "netrc")) as caught:
        load(environ.get(source, {}), **options)
    assert len(key.strip()) < 3 or key.strip() not in "".join(
        traceback.format_exception(caught.value)
    )


@pytest.mark.parametrize("key", ["a" * 40, "local-" + "0" * 40, "p-" + "_-" * 25, "aa.bb.cc"])
def test_every_form_of_key_is_accepted(key: str, load: Load) -> None:
    assert key_of(load(api_key=f" {key}\n")) == key


@pytest.mark.parametrize(
    "text",
    ["machine api.wandb.ai pasword {key}", "machine api.wandb.ai login u password {key} {key}"],
)
def test_a_broken_netrc_is_an_error_without_its_content(
    text: str, load: Load, tmp_path: Path
) -> None:
    write(tmp_path / "home/.netrc", text.format(key=KEYS["netrc"]))
    with pytest.raises(SettingsError, match="netrc") as caught:
        load()
    assert KEYS["netrc"] not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".config/wandb/settings", "[default]\napi_key {key}\n"),
        (".config/wbexport/config.toml", "key = {key}"),
    ],
)
def test_a_broken_settings_file_is_an_error_without_its_content(
    name: str, text: str, load: Load, tmp_path: Path
) -> None:
    path = write(tmp_path / "home" / name, text.format(key=KEYS["file"]))
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(path) in str(caught.value)
    assert KEYS["file"] not in "".join(traceback.format_exception(caught.value))


def test_a_key_file_that_is_not_there_is_an_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="WBEXPORT_API_KEY_FILE"):
        load({"WBEXPORT_API_KEY_FILE": str(tmp_path / "none")})


def test_plain_http_to_another_machine_needs_consent(load: Load) -> None:
    environ = {"WANDB_BASE_URL": "http://wandb.example"}
    with pytest.raises(SettingsError, match="WBEXPORT_ALLOW_HTTP"):
        load(environ)
    assert load(environ | {"WBEXPORT_ALLOW_HTTP": "1"}).base_url == "http://wandb.example"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:80", "127.9.9.9"])
def test_plain_http_to_this_machine_is_fine(host: str, load: Load) -> None:
    assert load({"WANDB_BASE_URL": f"http://{host}"}).origin.is_loopback


@pytest.mark.parametrize("host", ["localhost.example", "127.0.0.1.example", "10.0.0.1", "0.0.0.0"])
def test_a_host_that_only_looks_like_this_machine_is_another(host: str) -> None:
    assert not Origin.of(f"http://{host}").is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "wandb.ai",
        "ftp://wandb.ai",
        "https://",
        "https://user:secretword@wandb.ai",
        "https://wandb.ai\\@evil.example",
        "https://wandb .ai",
        "https://wandb.ai\t",
        "https://wandb.ai:port",
        "https://[::1",
        "https://wandb.ai?x=secretword",
        "https://" + "ü" * 80,
    ],
)
def test_an_ambiguous_url_is_refused_without_its_secrets(url: str, load: Load) -> None:
    url = f"x{url}x" if url.endswith("\t") else url
    with pytest.raises(SettingsError, match="overrides") as caught:
        load(overrides={"base_url": url})
    assert "secretword" not in str(caught.value)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_an_origin(text: str) -> None:
    for url in (text, f"https://{text}", f"http://{text}/x"):
        try:
            origin = Origin.of(url)
        except SettingsError:
            continue
        assert origin.host.isascii()
        assert Origin.of(str(origin)) == origin


def test_origins_differ_in_scheme_host_or_port_only() -> None:
    same = ["https://Wandb.AI", "https://wandb.ai:443/x?y", "https://wandb.ai/"]
    assert len({Origin.of(url) for url in same}) == 1
    other = [
        "http://wandb.ai",
        "https://wandb.ai:444",
        "https://evilwandb.ai",
        "https://a.wandb.ai",
    ]
    assert len({Origin.of(url) for url in [*same, *other]}) == 5


def test_neither_repr_nor_copies_nor_pickles_hold_the_key(load: Load) -> None:
    settings = load(api_key=KEYS["argument"])
    copies = [copy.deepcopy(settings), pickle.loads(pickle.dumps(settings))]
    assert [each.credential for each in copies] == [None, None]
    credential = settings.require_credential()
    assert copy.deepcopy(credential) is None
    shown = f"{settings!r} {settings} {credential!r} {pickle.dumps([settings, credential])!r}"
    assert KEYS["argument"] not in shown
    with pytest.raises(SettingsError):
        copies[0].require_credential()


def test_equal_credentials_are_equal_by_origin_and_source(load: Load) -> None:
    one = load(api_key=KEYS["argument"]).require_credential()
    other = load(api_key=KEYS["variable"]).require_credential()
    assert one == other
    assert isinstance(one, Credential)


def test_without_a_key_the_message_names_what_was_looked_at(load: Load) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"WANDB_BASE_URL": "https://w.example:8443"}).require_credential()
    for words in ("api_key", "WBEXPORT_API_KEY_FILE", "WANDB_API_KEY", "machine w.example:8443"):
        assert words in str(caught.value)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "1e9"])
def test_a_timeout_that_makes_no_sense_is_an_error(text: str, load: Load) -> None:
    with pytest.raises(SettingsError, match="WANDB_HTTP_TIMEOUT"):
        load({"WANDB_HTTP_TIMEOUT": text})


def test_a_timeout_is_taken_from_argument_environment_or_default(load: Load) -> None:
    environ = {"WANDB_HTTP_TIMEOUT": "7"}
    assert [load().timeout, load(environ).timeout, load(environ, timeout=3).timeout] == [19, 7, 3]


def test_an_unknown_override_is_an_error(load: Load) -> None:
    with pytest.raises(SettingsError, match="'entty'"):
        load(overrides={"entty": "team"})


def test_overrides_and_variables_give_the_defaults(load: Load) -> None:
    settings = load({"WANDB_ENTITY": "a", "WANDB_PROJECT": "b"}, overrides={"entity": "c"})
    assert (settings.entity, settings.project) == ("c", "b")
    assert load(overrides={"username": "u"}).entity == "u"


@pytest.mark.parametrize(
    ("base", "app"),
    [
        ("https://api.wandb.ai", "https://wandb.ai"),
        ("https://api.wandb.test", "https://wandb.test"),
        ("https://api.example.org", "https://app.example.org"),
        ("https://api.forge.coreweave.com", "https://forge.coreweave.com/wandb"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_web_address_follows_from_the_base_url(base: str, app: str, load: Load) -> None:
    assert load({"WANDB_BASE_URL": base}).app_url == app
    assert load({"WANDB_BASE_URL": base, "WANDB_APP_URL": "https://x/"}).app_url == "https://x"


def test_certificates_are_named_by_either_variable(load: Load, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    environ = {"REQUESTS_CA_BUNDLE": str(two)}
    assert load(environ).ca_file == two
    assert load(environ | {"SSL_CERT_FILE": str(one)}).ca_file == one
