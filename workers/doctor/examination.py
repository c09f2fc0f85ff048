"""Run all checks in order."""

from collections.abc import Callable, Iterator

import redis

from webhook_app.config.settings import Settings
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.operations.public_key import load_public_key
from workers.doctor.finding import Finding, Level, failed
from workers.doctor.outbound import check_outbound
from workers.doctor.product import check_product
from workers.doctor.reachability import check_reachability
from workers.doctor.running import RunningProduct
from workers.doctor.settings import check_settings
from workers.doctor.store import check_store
from workers.doctor.videosdk import check_videosdk
from workers.doctor.webhooks import check_webhooks

STORE_TIMEOUT_S = 5.0

ReplayCheck = Callable[[Client], Finding]


def examine(
    settings: Settings, *, sandbox: bool, replay: ReplayCheck | None = None, product: RunningProduct | None = None
) -> Iterator[Finding]:
    """Yield findings as they are made; checks that need the store are skipped if it does not answer.

    `replay`, if given, replays the whole journal, which takes time in proportion to its length.
    """
    yield from check_settings(settings, sandbox=sandbox)
    yield from check_outbound(settings, settings.variables)
    remembered = None
    if settings.redis_url is None:
        yield failed(
            "store", "REDIS_URL is not set, and no `tally up` is running here", "run `tally up`, or set REDIS_URL"
        )
        yield from check_videosdk(settings, remembered=None, product=product)
        return
    client = connect(settings.redis_url, sentinel_login=settings.sentinel_login, timeout_s=STORE_TIMEOUT_S)
    findings = list(check_store(client, settings))
    yield from findings
    answers = not (len(findings) == 1 and findings[0].level is Level.FAILED)
    if answers:
        remembered = load_public_key(client)
    yield from check_videosdk(settings, remembered=remembered, product=product)
    if answers:
        try:
            yield from check_product(client)
            yield from check_webhooks(client)
            if replay is not None:
                yield replay(client)
            yield from check_reachability(client, settings)
        except redis.RedisError as error:
            yield failed("store", f"stopped answering: {type(error).__name__}", "check the store and its log")
