"""The rulebook: changes of rules, room names and settings, each giving a new configuration."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.configuration.room_changes import drop_mistaken_rooms, rules_affected
from webhook_app.domain.context import StepOutcome, SystemState
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import Config, ConfiguredRoom, Rule, make_config
from webhook_app.domain.schedules.calendars.calendar import decode_calendar, horizon_at
from webhook_app.domain.schedules.calendars.reading import read_calendar
from webhook_app.domain.schedules.schedule import CalendarRef, Schedule
from webhook_app.domain.schedules.skips import retain_valid_skips
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.times import format_duration

ROOM_CHANGES = ("room-put", "room-forgotten")
# Events about one rule, which touch its rooms alone.
SINGLE_RULE_EVENTS = frozenset(
    {
        "rule-put",
        "rule-deleted",
        "rule-paused",
        "rule-resumed",
        "rule-skip-next",
        "occurrence-skipped",
        "occurrence-unskipped",
    }
)


def put_rule(state: SystemState, outcome: StepOutcome, data: Mapping[str, Any]) -> set[str]:
    """A rule was put by the API; what the file names belongs to the file."""
    rule = decode_rule(data["rule"])
    known = state.config.rules.get(rule.name)
    if known is not None:
        rule = retain_valid_skips(rule, known.skipped, state.config.calendars, int(data["_at"]))
    if known is not None and known.from_file:
        outcome.record_effect(Reason.RULE_FROM_FILE, rule=rule.name)
        return set()
    if known == rule:
        outcome.record_effect(Reason.RULE_UNCHANGED, rule=rule.name)
        return set()
    outcome.config = state.config.with_rule(rule)
    outcome.record_effect(Reason.RULE_CHANGED if known else Reason.RULE_ADDED, rule=rule.name)
    return {rule.name}


def delete_rule(state: SystemState, outcome: StepOutcome, data: Mapping[str, Any]) -> set[str]:
    """A rule was deleted by the API."""
    name = str(data["name"])
    known = state.config.rules.get(name)
    if known is None or known.from_file:
        outcome.record_effect(Reason.RULE_NOT_FOUND, rule=name)
        return set()
    outcome.config = state.config.without_rule(known)
    outcome.record_effect(Reason.RULE_DELETED, rule=name)
    return {name}


def pause_rule(state: SystemState, outcome: StepOutcome, data: Mapping[str, Any]) -> set[str]:
    """A rule was paused or resumed."""
    name, paused = str(data["name"]), data["_type"] == "rule-paused"
    known = state.config.rules.get(name)
    if known is None or known.paused == paused:
        outcome.record_effect(Reason.RULE_NOT_FOUND if known is None else Reason.RULE_STATE_UNCHANGED, rule=name)
        return set()
    outcome.config = state.config.with_rule(replace(known, paused=paused))
    outcome.record_effect(Reason.RULE_PAUSED if paused else Reason.RULE_RESUMED, rule=name)
    return {name}


def apply_file(state: SystemState, outcome: StepOutcome, data: Mapping[str, Any]) -> set[str]:
    """The configuration file as a whole: what left it is deleted, what the API made stays."""
    old = state.config.rules
    new = {rule.name: rule for rule in (replace(decode_rule(raw), from_file=True) for raw in data.get("rules", []))}
    for name, rule in new.items():
        if name in old:
            rule = retain_valid_skips(rule, old[name].skipped, state.config.calendars, int(data["_at"]))
            new[name] = replace(rule, paused=rule.paused or old[name].paused)
    names = {
        str(name): ConfiguredRoom(str(name), str(raw["room_id"]), tuple(raw.get("groups", ())))
        for name, raw in data.get("rooms", {}).items()
    }
    kept = {name: rule for name, rule in old.items() if not rule.from_file and name not in new}
    rules = {**kept, **new}
    changed = {name for name in old.keys() | rules.keys() if old.get(name) != rules.get(name)}
    count, names = len(names), _with_added_rooms(names, state.config)
    if names != state.config.names:
        changed |= {name for name, rule in rules.items() if rule.when is not None}
    if not changed and names == state.config.names:
        outcome.record_effect(Reason.FILE_UNCHANGED)
        return set()
    outcome.config = make_config(rules, names, state.config.settings, state.config.calendars)
    outcome.record_effect(Reason.FILE_APPLIED, rules=len(new), rooms=count)
    drop_mistaken_rooms(state, outcome)
    return changed | rules_affected(state.config, outcome.config)


def _with_added_rooms(names: dict[str, ConfiguredRoom], config: Config) -> dict[str, ConfiguredRoom]:
    """The file's rooms with those that the API added. A room that the file names is the file's, and so is a name."""
    ids = {room.room_id for room in names.values()}
    added = [room for room in config.names.values() if not room.from_file and room.room_id not in ids]
    added = [replace(room, name=None) if room.name in names or room.name in ids else room for room in added]
    return {**{room.key: room for room in added}, **names}


def put_calendar(state: SystemState, outcome: StepOutcome, data: Mapping[str, Any]) -> set[str]:
    """Take in a calendar that was fetched, and plan the rules that use it anew. Those that no rule names are dropped.

    Events of earlier versions hold the calendar's text: it is read as it was at the time of the event.
    """
    source = str(data["source"])
    if "calendar" in data:
        calendar = decode_calendar(data["calendar"])
    else:
        calendar = read_calendar(str(data["text"]).encode(), horizon_at(int(data["_at"])))
    if state.config.calendars.get(source) == calendar:
        outcome.record_effect(Reason.CALENDAR_UNCHANGED)
        return set()
    named = {name for rule in state.config.rules.values() for name in calendar_sources(rule)}
    kept = {name: known for name, known in state.config.calendars.items() if name in named}
    config = replace(state.config, calendars={**kept, source: calendar}, found={})
    users = {name: rule for name, rule in state.config.rules.items() if source in calendar_sources(rule)}
    for rule in users.values():
        left = retain_valid_skips(rule, rule.skipped, config.calendars, int(data["_at"]))
        if left != rule:
            config = config.with_rule(left)
    outcome.config = config
    outcome.record_effect(Reason.CALENDAR_UPDATED)
    return set(users)


def calendar_sources(rule: Rule) -> set[str]:
    """The addresses and files of the calendars that a rule goes by."""
    if rule.schedule is None:
        return set()
    refs = [*rule.schedule.except_calendars, *((rule.schedule.ics,) if rule.schedule.ics else ())]
    return {ref.source for ref in refs}


def put_settings(state: SystemState, outcome: StepOutcome, data: Mapping[str, Any]) -> set[str]:
    """What of the outside the folding depends on has changed."""
    known = state.config.settings
    settings = replace(
        known,
        calls=bool(data.get("calls", known.calls)),
        bodies=bool(data.get("bodies", known.bodies)),
        max_stream_s=int(data.get("max_stream_s", known.max_stream_s)),
        observing=bool(data.get("observing", known.observing)),
    )
    if settings == known:
        outcome.record_effect(Reason.SETTINGS_UNCHANGED)
        return set()
    outcome.config = replace(state.config, settings=settings)
    changes = f"calls {'on' if settings.calls else 'off'}, bodies {'sent' if settings.bodies else 'not sent'}"
    if settings.max_stream_s != known.max_stream_s:
        changes += f", streams of at most {format_duration(settings.max_stream_s)}"
    if settings.observing != known.observing:
        changes += f", observing {'on' if settings.observing else 'off'}"
    outcome.record_effect(Reason.SETTINGS_CHANGED, changes=changes)
    return set()


def rooms_affected(state: SystemState, kind: str, data: Mapping[str, Any]) -> frozenset[str] | None:
    """The rooms that a change of rules may touch, or None for all of them."""
    config = state.config
    touched: set[str] = set()
    if kind in ROOM_CHANGES:
        old = config.named(str(data["room_id"]))
        names = (data["room_id"], data.get("name"), old.name if old is not None else None)
        return frozenset(str(name) for name in names if name is not None)
    if kind not in SINGLE_RULE_EVENTS:
        return None
    name = data["rule"]["name"] if kind == "rule-put" else data["name"]
    for rule in (config.rules.get(str(name)), decode_rule(data["rule"]) if kind == "rule-put" else None):
        if rule is not None:
            rooms = config.rooms_of(rule)
            if rooms is None:
                return None
            touched |= rooms
    return frozenset(touched)


def decode_rule(data: Mapping[str, Any]) -> Rule:
    """A rule from its checked form, as the door hands it in and the journal keeps it."""
    schedule = data.get("schedule")
    return Rule(
        name=str(data["name"]),
        rooms=tuple(data["rooms"]),
        do=str(data.get("do") or "start"),
        on=data.get("on"),
        if_=data.get("if"),
        when=data.get("when"),
        for_s=int(data.get("for_s") or 0),
        message=data.get("message"),
        cooldown_s=int(data.get("cooldown_s") or 0),
        start=data.get("start") or {},
        timezone=str(data.get("timezone") or "UTC"),
        paused=bool(data.get("paused", False)),
        schedule=decode_schedule(schedule) if schedule is not None else None,
        given=schedule.get("given", {}) if schedule is not None else {},
        late_after_s=int(data.get("late_after_s") or 60),
        remind_s=data.get("remind_s"),
        end_when_empty_s=data.get("end_when_empty_s"),
        overrun_s=data.get("overrun_s"),
        max_run_s=data.get("max_run_s"),
        restart=str(data.get("restart") or "on-failure"),
        empty_means=EmptyMeans(data.get("empty_means") or "nobody"),
    )


def decode_schedule(data: Mapping[str, Any]) -> Schedule:
    """A schedule from its checked form."""
    return Schedule(
        timezone=str(data.get("timezone") or "UTC"),
        duration_s=data.get("duration_s"),
        cron=data.get("cron"),
        rrule=data.get("rrule"),
        dtstart=data.get("dtstart"),
        at=tuple(data.get("at", ())),
        always=bool(data.get("always", False)),
        ics=_calendar_ref(data["ics"]) if data.get("ics") else None,
        also=tuple(data.get("also", ())),
        except_days=tuple((str(first), str(last)) for first, last in data.get("except_days", ())),
        except_calendars=tuple(_calendar_ref(ref) for ref in data.get("except_calendars", ())),
    )


def _calendar_ref(data: Mapping[str, Any]) -> CalendarRef:
    return CalendarRef(str(data.get("url") or data.get("file")), data.get("match"))
