"""One TLS context for all regions: reading the certificates that are trusted takes as long as a request.

urllib3 reads them again for each connection, into the context that botocore made for each client.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any


class Trust:
    """The contexts, one for each bundle of certificates. Safe to use from threads."""

    def __init__(self) -> None:
        self._contexts: dict[Any, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def share_with(self, client: Any) -> None:
        """Make a client of botocore's use the common context; where botocore has changed, it keeps its own."""
        session: Any = getattr(getattr(client, "_endpoint", None), "http_session", None)
        settings: Any = getattr(getattr(session, "_manager", None), "connection_pool_kw", None)
        own = settings.get("ssl_context") if isinstance(settings, dict) else None
        if not hasattr(session, "_get_ssl_context") or type(own) is not ssl.SSLContext:
            return
        verify = getattr(session, "_verify", None)
        proxy = getattr(getattr(session, "_proxy_config", None), "settings", None)
        if proxy or not isinstance(verify, (str, bool)):
            return
        with self._lock:
            if verify not in self._contexts:
                # All that botocore has set up in it stays as it is.
                own.__class__ = ReadOnce
                self._contexts[verify] = own
            shared = self._contexts[verify]
        settings["ssl_context"] = shared
        # Connections through a proxy get a pool, and a context, of their own.
        session._get_ssl_context = lambda: shared


class ReadOnce(ssl.SSLContext):
    """A context that reads each bundle of certificates once."""

    _lock = threading.Lock()

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        with self._lock:
            read: set[Any] = self.__dict__.setdefault("_read", set())
            bundle = (cafile, capath, cadata)
            if bundle not in read:
                super().load_verify_locations(cafile, capath, cadata)
                read.add(bundle)
