"""Certificates: trusted when named, refused otherwise, never worked around."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.transport.fault_server import Reply, json_reply
from wbexport.errors import ResponseError, TransportError
from wbexport.transport.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.transport.conftest import Connect, Serve


pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Make a self-signed certificate for a name, and a server's side of it."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=x",
        "-sha256",
    ]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "9"]
    kind = "IP" if name[0].isdigit() else "DNS"
    command += ["-addext", f"subjectAltName={kind}:{name}"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def test_an_unknown_certificate_is_refused_at_once_and_nothing_is_sent(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    tls, _ = certificate(tmp_path, "127.0.0.1")
    server = serve([json_reply("{}")], tls=tls)
    with pytest.raises(TransportError, match=r"certificate .*attempt 1.*SSL_CERT_FILE"):
        connect(server.url).post_json("/graphql", {})
    assert server.requests == []


@pytest.mark.parametrize("name", ["127.0.0.1", "other.example"])
def test_a_named_certificate_is_trusted_for_its_own_host(
    name: str, serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    tls, cert = certificate(tmp_path, name)
    server = serve([json_reply('{"data": {}}')], tls=tls)
    settings = replace(connect(server.url).settings, ca_file=cert)
    with Session(settings) as session:
        if name == "127.0.0.1":
            assert session.post_json("/graphql", {}) == {"data": {}}
            return
        with pytest.raises(TransportError, match="certificate"):
            session.post_json("/graphql", {})


def test_a_redirect_from_https_to_http_is_refused(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    tls, cert = certificate(tmp_path, "127.0.0.1")
    plain = serve([Reply(body=b"x")])
    server = serve([Reply(302, headers={"Location": f"{plain.url}/x"})], tls=tls)
    settings = replace(connect(server.url).settings, ca_file=cert)
    with Session(settings) as session, pytest.raises(ResponseError, match="plain http"):
        session.get_bytes(f"{server.url}/x")
    assert plain.requests == []
