"""Compare the webhooks that arrived with what Tallylight assumes about them. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.domain.streams.machine import StreamState
from webhook_app.providers.videosdk.answers import list_rows, started_stream
from webhook_app.providers.videosdk.objects import COMPOSER_ID_KEY, ID_KEYS, STREAM_WEBHOOKS, stream_report
from workers.doctor.conformance.observations import Observations, ReceivedWebhook, Step
from workers.doctor.conformance.rows import NO_CONSEQUENCE, Result, Row

STARTED_MAX_S = 60.0
PLAYABLE_MAX_S = 120.0
STOPPED_MAX_S = 60.0
SESSION_ENDED = "session-ended"


def kinds_of(output: Output) -> tuple[str, ...]:
    """The webhooks of one run of an output, in their documented order, without a failure."""
    return tuple(
        kind
        for kind, (of_output, state) in STREAM_WEBHOOKS.items()
        if of_output is output and state is not StreamState.FAILED
    )


def webhook_rows(observations: Observations) -> Iterator[Row]:
    """Yield the rows about the webhooks of a run that was started."""
    start = observations.answer(Step.START)
    if start is None or not start.ok:
        return
    output = observations.output
    expected = kinds_of(output)
    stream_webhooks = [webhook for webhook in observations.webhooks if _output_of(webhook) is output]
    yield _arrival(output, expected, stream_webhooks)
    if not stream_webhooks:
        return
    yield _order(output, expected, stream_webhooks)
    yield _repeats(output, stream_webhooks)
    yield _ids(observations, stream_webhooks)
    prefix = expected[-1].rpartition("-")[0]
    yield _delay(output, stream_webhooks, f"{prefix}-starting", f"{prefix}-started", STARTED_MAX_S)
    if output is Output.HLS:
        yield _urls(observations, stream_webhooks)
        yield _delay(output, stream_webhooks, "hls-started", "hls-playable", PLAYABLE_MAX_S)
    if output is Output.RECORDING:
        yield _file(output, stream_webhooks)
    yield _delay(output, stream_webhooks, f"{prefix}-stopping", f"{prefix}-stopped", STOPPED_MAX_S)


def session_end_rows(observations: Observations) -> Iterator[Row]:
    """Yield the rows about what the end of a session sends."""
    ended = observations.answer(Step.END_SESSION)
    if ended is None or not ended.ok:
        return
    kinds = [
        webhook.kind
        for webhook in observations.webhooks
        if webhook.kind == SESSION_ENDED or STREAM_WEBHOOKS.get(webhook.kind, (None, None))[1] in _ENDINGS
    ]
    is_usual = kinds == ["hls-stopping", "hls-stopped", SESSION_ENDED]
    yield Row(
        "session-end-webhooks",
        observations.output,
        f"A session's end sends `hls-stopping`, `hls-stopped`, then `{SESSION_ENDED}`.",
        ", ".join(kinds) or "none of them",
        Result.AS_ASSUMED if is_usual else (Result.DIFFERS if kinds else Result.FAILED),
        NO_CONSEQUENCE if is_usual else "Tallylight checks a stream that looks live a minute after its session.",
    )


_ENDINGS = (StreamState.STOPPING, StreamState.STOPPED, StreamState.FAILED)


def _output_of(webhook: ReceivedWebhook) -> Output | None:
    return STREAM_WEBHOOKS.get(webhook.kind, (None, None))[0]


def _arrival(output: Output, expected: Sequence[str], webhooks: Sequence[ReceivedWebhook]) -> Row:
    arrived = {webhook.kind for webhook in webhooks}
    missing = [kind for kind in expected if kind not in arrived]
    observed = ", ".join(dict.fromkeys(webhook.kind for webhook in webhooks)) or "none"
    if not arrived:
        result, consequence = Result.FAILED, "Webhooks of this room do not reach Tallylight: check `tally doctor`."
    elif missing:
        result, consequence = Result.DIFFERS, "What is missing is noticed by probes only, later."
    else:
        result, consequence = Result.AS_ASSUMED, NO_CONSEQUENCE
    observed += f"; missing: {', '.join(missing)}" if missing and arrived else ""
    return Row("webhooks-arrive", output, f"{', '.join(expected)} arrive.", observed, result, consequence)


def _order(output: Output, expected: Sequence[str], webhooks: Sequence[ReceivedWebhook]) -> Row:
    first_seen = list(dict.fromkeys(webhook.kind for webhook in webhooks if webhook.kind in expected))
    in_order = first_seen == [kind for kind in expected if kind in first_seen]
    return Row(
        "webhook-order",
        output,
        "They arrive in this order.",
        "in order" if in_order else ", ".join(first_seen),
        Result.AS_ASSUMED if in_order else Result.DIFFERS,
        NO_CONSEQUENCE if in_order else "Harmless: an event that arrives late does not move a stream back.",
    )


def _repeats(output: Output, webhooks: Sequence[ReceivedWebhook]) -> Row:
    counts = Counter(webhook.kind for webhook in webhooks)
    repeats = [f"{kind} {count} times" for kind, count in counts.items() if count > 1]
    return Row(
        "webhook-repeats",
        output,
        "Each arrives once when it is answered 200.",
        ", ".join(repeats) or "each once",
        Result.DIFFERS if repeats else Result.AS_ASSUMED,
        "Harmless: repeats are kept on the timeline. A room's own registration and `webhookUrl` may each send one."
        if repeats
        else NO_CONSEQUENCE,
    )


def _ids(observations: Observations, webhooks: Sequence[ReceivedWebhook]) -> Row:
    """Which ids the webhooks carry, compared with those of REST."""
    known_ids = _ids_of_rest(observations)
    with_id = {key: [w for w in webhooks if w.data.get(key)] for key in (*ID_KEYS, COMPOSER_ID_KEY)}
    parts = [f"{key} in {len(some)} of {len(webhooks)}" for key, some in with_id.items() if some]
    unknown = {
        stream_id
        for webhook in webhooks
        for stream_id in stream_report(webhook.data).ids
        if known_ids and stream_id not in known_ids
    }
    if unknown:
        finding = (Result.DIFFERS, "These ids are not used alone: streams are matched by URL and session.")
    elif parts:
        finding = (Result.AS_ASSUMED, "The stream's end is matched by its id.")
    else:
        finding = (Result.AS_ASSUMED, "Streams are matched by URL and session.")
    observed = ", ".join(parts) or "no id"
    observed += "; other ids than REST's" if unknown else ("; as in REST" if parts and known_ids else "")
    return Row("webhook-ids", observations.output, "Webhooks carry the ids of REST, or none.", observed, *finding)


def _ids_of_rest(observations: Observations) -> set[str]:
    """The stream's ids in the start's answer, in `/active`, and in the list while it ran."""
    streams: list[Mapping[str, Any]] = []
    for answer in (observations.newest_start, observations.answer(Step.ACTIVE_RUNNING)):
        stream = None if answer is None else started_stream(answer)
        streams += [] if stream is None else [stream]
    listed = observations.answer(Step.LIST_RUNNING)
    rows = [] if listed is None else list_rows(listed) or []
    streams += [row for row in rows if "end" in row and not row["end"]]
    return {stream_id for stream in streams for stream_id in stream_report(stream).ids}


def _urls(observations: Observations, webhooks: Sequence[ReceivedWebhook]) -> Row:
    start = observations.newest_start
    started = None if start is None else started_stream(start)
    start_key = None if started is None else stream_report(started).url_key
    keys = {w.kind: stream_report(w.data).url_key for w in webhooks if w.kind in ("hls-started", "hls-playable")}
    missing = [kind for kind, url_key in keys.items() if url_key is None]
    distinct = {url_key for url_key in keys.values() if url_key is not None}
    distinct |= set() if start_key is None else {start_key}
    if missing:
        observed, consequence = f"no URL in {', '.join(missing)}", "Streams are matched by session alone."
    elif len(distinct) > 1:
        observed, consequence = "URLs in several folders", "One stream may be shown as two. Please report this."
    else:
        observed, consequence = "one folder", NO_CONSEQUENCE
    return Row(
        "webhook-urls",
        Output.HLS,
        "`hls-started` and `hls-playable` carry URLs in the folder of the start's answer.",
        observed,
        Result.AS_ASSUMED if consequence == NO_CONSEQUENCE else Result.DIFFERS,
        consequence,
    )


def _file(output: Output, webhooks: Sequence[ReceivedWebhook]) -> Row:
    stopped = [webhook for webhook in webhooks if webhook.kind == "recording-stopped"]
    has_file = any(stream_report(webhook.data).files for webhook in stopped)
    return Row(
        "recording-file",
        output,
        "`recording-stopped` names the file.",
        "file named" if has_file else ("no file" if stopped else "not arrived"),
        Result.AS_ASSUMED if has_file else (Result.DIFFERS if stopped else Result.NOT_OBSERVED),
        NO_CONSEQUENCE if has_file else "The file is looked up in the list, for up to 10 min.",
    )


def _delay(output: Output, webhooks: Sequence[ReceivedWebhook], first: str, then: str, limit_s: float) -> Row:
    """How long after the first webhook the other one arrived, by the product's clock."""
    starts = [webhook.at for webhook in webhooks if webhook.kind == first]
    ends = [webhook.at for webhook in webhooks if webhook.kind == then]
    assumption = f"`{then}` arrives within {limit_s:.0f} s of `{first}`."
    name = f"{then.rpartition('-')[2]}-delay"
    if not starts or not ends:
        return Row(name, output, assumption, "not both arrived", Result.NOT_OBSERVED)
    delay_s = (ends[0] - starts[0]) / 1000
    in_time = delay_s <= limit_s
    return Row(
        name,
        output,
        assumption,
        f"{delay_s:.1f} s",
        Result.AS_ASSUMED if in_time else Result.DIFFERS,
        NO_CONSEQUENCE if in_time else "It is probed in the meantime; raise `late_after` in rules.",
    )
