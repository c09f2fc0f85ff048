"""Decodes a journal record into a typed event.

What an event says depends on its source and type:

1. Changes of the configuration come from operators, the configuration file and our own processes, and mean the same.
2. Webhooks are translated by the provider.
3. Commands, timers, results of calls and probes, and reports of our own processes have the form that we journaled.

Decoding never raises. Data that cannot be decoded makes an `Undecodable`, which the reducer keeps as a poison event.
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from webhook_app.domain.events import Event, JournalEvent, Payload, Source
from webhook_app.domain.facts.configuration import ConfigurationFact
from webhook_app.domain.facts.system import ReconcileWindows, TimerFired, Undecodable, UnknownFact, WorkerStarted
from webhook_app.domain.timers import read_timer, split_output
from webhook_app.event_decoding.commands import decode_command
from webhook_app.event_decoding.configuration import CONFIGURATION_DECODERS
from webhook_app.event_decoding.reports import decode_alarm_cleared, decode_alarm_raised, decode_subscriber_disabled
from webhook_app.event_decoding.results import decode_call_result, decode_probe_result
from webhook_app.providers.port import Translator

JSON = Mapping[str, Any]
UNDECODABLE = "undecodable"  # the type of an entry that could not even be read


def decode(event: Event, translators: Mapping[Source, Translator], called: Translator) -> JournalEvent:
    """The typed event that a journal record stands for.

    `translators` are those of the providers by the source of their webhooks; `called` is that of the provider to which
    calls and probes go.
    """
    raw_webhook: JSON | None = None
    try:
        translator = translators.get(event.source)
        if translator is None:
            payload = _decode_own(event, called)
        else:
            payload = translator.webhook(event.type, event.data)
            raw_webhook = translator.raw_webhook(event.type, event.data)
    except Exception as error:  # whatever is wrong with the data: the fold keeps it as the event's effect
        payload = Undecodable(error)
    return JournalEvent(event.id, event.source, event.type, event.room_id, event.at, event.data, payload, raw_webhook)


def _decode_own(event: Event, called: Translator) -> Payload:
    """What a record says that one of our own processes journaled."""
    match event.source:
        case Source.CLOCK:
            return _timer_fired(event.data)
        case Source.PROBE:
            return decode_probe_result(event.data, called)
        case Source.CALL:
            return decode_call_result(event.data, called)
        case Source.OPERATOR:
            return _configuration(event) or decode_command(event.type, event.data)
        case Source.SYSTEM:
            return _configuration(event) or SYSTEM_DECODERS.get(event.type, _unknown)(event.data)
        case Source.CONFIG:
            return _configuration(event) or UnknownFact()
        case Source.VIDEOSDK:
            raise ValueError(f"no provider translates events of {event.source}")
        case _ as never:
            assert_never(never)


def _configuration(event: Event) -> ConfigurationFact | None:
    decoder = CONFIGURATION_DECODERS.get(event.type)
    return None if decoder is None else decoder(event.data)


def _timer_fired(data: JSON) -> TimerFired:
    name, due = data.get("timer"), data.get("due")
    if not isinstance(name, str) or not isinstance(due, int):
        return TimerFired(None, "", 0)
    output, name = split_output(name)
    return TimerFired(read_timer(name), name, due, output)


def _undecodable(data: JSON) -> Payload:
    return Undecodable(ValueError(f"the entry cannot be read: {data.get('error')}"))


def _unknown(data: JSON) -> Payload:
    return UnknownFact()


SYSTEM_DECODERS: Mapping[str, Callable[[JSON], Payload]] = {
    "worker-started": lambda data: WorkerStarted(),
    "replan": lambda data: ReconcileWindows(),
    "alarm-raised": decode_alarm_raised,
    "alarm-cleared": decode_alarm_cleared,
    "subscriber-disabled": decode_subscriber_disabled,
    UNDECODABLE: _undecodable,
}
