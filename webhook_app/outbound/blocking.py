"""Creates blocking HTTP clients (`requests`) that are configured by the product's settings, not by the environment."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from webhook_app.outbound.agent import USER_AGENT
from webhook_app.outbound.deadlines import bound_heads
from webhook_app.outbound.proxies import Proxies
from webhook_app.outbound.tls import tls_context


class OutboundSession(requests.Session):
    """A session that chooses its proxy by URL, also after a redirect."""

    def __init__(self, proxies: Proxies, pool_size: int) -> None:
        super().__init__()
        self._proxies = proxies
        self.trust_env = False  # no .netrc, and no proxies but those of the settings
        self.headers["User-Agent"] = USER_AGENT
        adapter = _Adapter(pool_connections=4, pool_maxsize=pool_size, max_retries=0)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Choose the proxy of a request; otherwise `requests` decides."""
        merged = super().merge_environment_settings(url, proxies, stream, verify, cert)
        merged["proxies"] = self._chosen(url)
        return merged

    def rebuild_proxies(self, prepared_request: requests.PreparedRequest, proxies: Any) -> Any:
        """Choose the proxy of the request that follows a redirect."""
        prepared_request.headers.pop("Proxy-Authorization", None)
        return self._chosen(prepared_request.url)

    def _chosen(self, url: Any) -> dict[str, str]:
        proxy = self._proxies.proxy_for(str(url))
        return {} if proxy is None else {"http": proxy, "https": proxy}


class _Adapter(HTTPAdapter):
    """Connects with our TLS context, to targets and to TLS proxies, and limits the time for response heads."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, pool | {"ssl_context": tls_context()}

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        bound_heads(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, proxy_ssl_context=tls_context(), **options)
        bound_heads(manager)
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the authorities to the context: `requests` would add its own bundle."""


def make_session(proxies: Proxies, *, pool_size: int = 4) -> OutboundSession:
    """A client for one server or a few; close it, or use it as a context manager."""
    return OutboundSession(proxies, pool_size)
