"""Check outbound requests: trusted certificate authorities and proxies."""

from collections.abc import Iterator, Mapping

from webhook_app.config.settings import Settings
from webhook_app.outbound.proxies import shown_proxy
from workers.doctor.finding import Finding, ok, warning

NOT_READ = ("ALL_PROXY", "all_proxy", "CURL_CA_BUNDLE")
INSTEAD = {"CURL_CA_BUNDLE": "SSL_CERT_FILE"}


def check_outbound(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Report what is configured; nothing by default: direct connections, the system's certificate authorities."""
    if settings.ca_file is not None:
        yield ok("authorities", f"outbound TLS trusts the certificates in {settings.ca_file}")
    for name in NOT_READ:
        if environ.get(name) and not _is_covered(name, settings):
            yield warning("outbound", f"{name} is set but not used", f"set {INSTEAD.get(name, 'HTTPS_PROXY')} instead")
    parts = [
        f"{name} ({shown_proxy(proxy)})"
        for name, proxy in (("HTTPS_PROXY", settings.https_proxy), ("HTTP_PROXY", settings.http_proxy))
        if proxy is not None
    ]
    if parts:
        yield warning(
            "proxy",
            f"{' and '.join(parts)}: used for VideoSDK, its public key, calendars and the heartbeat; "
            "deliveries and channels connect directly",
            "let `tally deliver` reach its subscribers through the firewall (docs/how-to/outbound.md)",
        )


def _is_covered(name: str, settings: Settings) -> bool:
    if name == "CURL_CA_BUNDLE":
        return settings.ca_file is not None
    return bool(settings.proxies.names)
