"""The examination: everything doctor looks at, in order."""

from collections.abc import Callable, Iterator

import redis

from webhook_app.config.settings import Settings
from webhook_app.store import keys
from webhook_app.store.clients import Client, connect
from workers.doctor.finding import Finding, Level, failed
from workers.doctor.outbound import look_at_outbound
from workers.doctor.product import look_at_product
from workers.doctor.reachability import look_at_reach
from workers.doctor.running import RunningProduct
from workers.doctor.settings import look_at_settings
from workers.doctor.store import look_at_store
from workers.doctor.videosdk import look_at_videosdk
from workers.doctor.webhooks import look_at_webhooks

STORE_TIMEOUT_S = 5.0

Refold = Callable[[Client], Finding]


def examine(
    settings: Settings, *, sandbox: bool, refold: Refold | None = None, product: RunningProduct | None = None
) -> Iterator[Finding]:
    """Findings as they are made; what hangs on a store that does not answer is left out.

    `refold`, when it is given, folds the journal again: that takes as long as the journal is.
    """
    yield from look_at_settings(settings, sandbox=sandbox)
    yield from look_at_outbound(settings, settings.variables)
    remembered = None
    if settings.redis_url is None:
        yield failed("store", "REDIS_URL is not set, and no `tally up` runs here", "run `tally up`, or set REDIS_URL")
        yield from look_at_videosdk(settings, remembered=None, product=product)
        return
    client = connect(settings.redis_url, sentinel_login=settings.sentinel_login, timeout_s=STORE_TIMEOUT_S)
    findings = list(look_at_store(client, settings))
    yield from findings
    answers = not (len(findings) == 1 and findings[0].level is Level.FAILED)
    if answers:
        pem = client.get(keys.PUBLIC_KEY)
        remembered = pem.decode() if pem else None
    yield from look_at_videosdk(settings, remembered=remembered, product=product)
    if answers:
        try:
            yield from look_at_product(client)
            yield from look_at_webhooks(client)
            if refold is not None:
                yield refold(client)
            yield from look_at_reach(client, settings)
        except redis.RedisError as error:
            yield failed("store", f"stopped answering: {type(error).__name__}", "look at the store and its log")
