"""W&B's API over a store: client and server in this process, and no network between them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from wbexport.api.client import Api
from wbexport.server.app import create_app
from wbexport.settings import Settings
from wbexport.transport.session import wsgi_transport

if TYPE_CHECKING:
    from wbexport.store.database import Store

__all__ = ["api_over"]


def api_over(store: Store) -> Api:
    """Give an `Api` whose server is a store."""
    token = secrets.token_hex(20)
    settings = Settings.load(api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={})
    return Api(settings=settings, transport=wsgi_transport(create_app(store, token=token)))
