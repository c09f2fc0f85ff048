"""Schema of schedules, and the decoder of their checked form. A schedule is also checked by computing its windows."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from webhook_app.domain.schedules.checks import check_cron, check_openings
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.openings import read_recurrence, read_wall_clock
from webhook_app.domain.schedules.schedule import CalendarRef, Schedule
from webhook_app.outbound.calendar_address import check_path, fetch_urls, is_address
from webhook_app.schemas.fields import Duration

KINDS = ("cron", "rrule", "at", "ics", "always")
MOMENTS_MAX = 1_000
DURATION_MAX_S = 31 * 24 * 3600
TEXT_MAX_CHARS = 500
CALENDAR_RULE = "must be {url: https://…} or {file: holidays.ics}, optionally with `match`"


def is_timezone(name: str) -> None:
    """Reject a name that is not an IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(f"unknown time zone {name!r}; use one such as Europe/London")


def _is_cron(expression: str) -> None:
    try:
        check_cron(expression)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _is_local_time(text: str) -> None:
    try:
        read_wall_clock(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class CalendarSchema(Schema):
    """A calendar by its URL or its file path."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": CALENDAR_RULE}  # noqa: RUF012 - marshmallow's API

    url = fields.String(validate=validate.Length(1, 2_048))
    file = fields.String(validate=validate.Length(1, 1_000))
    match = fields.String(validate=validate.Length(1, 200))

    @validates_schema
    def _one_source(self, data: dict[str, Any], **kwargs: Any) -> None:
        if ("url" in data) == ("file" in data):
            raise ValidationError("specify either `url` or `file`", "url")
        name = "url" if "url" in data else "file"
        try:
            fetch_urls(data["url"]) if name == "url" else check_path(data["file"])
        except ValueError as error:
            raise ValidationError(str(error), name) from None


class Exceptions(fields.Field[dict[str, Any]]):
    """Dates, ranges `first/last` and calendars."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        items = value if isinstance(value, list) else [value]
        if len(items) > MOMENTS_MAX:
            raise ValidationError(f"at most {MOMENTS_MAX} exceptions")
        days: list[list[str]] = []
        calendars: list[dict[str, Any]] = []
        errors: dict[int, Any] = {}
        for at, item in enumerate(items):
            try:
                if isinstance(item, dict) and set(item) == {"ics"}:
                    calendars.append(_calendar(item["ics"]))
                elif isinstance(item, str):
                    days.append(_days(item))
                else:
                    raise ValidationError('must be "2026-12-27", "2027-08-01/2027-08-29" or {ics: …}')
            except ValidationError as error:
                errors[at] = error.messages
        if errors:
            raise ValidationError(errors if isinstance(value, list) else errors[0])
        return {"days": days, "calendars": calendars}


class OneOrMore(fields.List[Any]):
    """One local time or a list of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return super()._deserialize(value if isinstance(value, list) else [value], attr, data, **kwargs)


class ScheduleSchema(Schema):
    """When windows open, and how long they last."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": 'must be a mapping, such as {cron: "0 9 * * SUN", duration: 2h}'}  # noqa: RUF012

    cron = fields.String(validate=[validate.Length(max=TEXT_MAX_CHARS), _is_cron])
    rrule = fields.String(validate=validate.Length(1, TEXT_MAX_CHARS))
    dtstart = fields.String(validate=_is_local_time)
    at = OneOrMore(fields.String(validate=_is_local_time), validate=validate.Length(1, MOMENTS_MAX))
    ics = fields.Nested(CalendarSchema)
    always = fields.Boolean(
        truthy={True},
        falsy=set(),
        error_messages={"invalid": "must be true or omitted"},
        validate=validate.Equal(True),
    )
    timezone = fields.String(validate=is_timezone)
    duration = Duration(attribute="duration_s")
    also = OneOrMore(fields.String(validate=_is_local_time), validate=validate.Length(1, MOMENTS_MAX))
    except_ = Exceptions(data_key="except", attribute="except")

    @validates_schema(skip_on_field_errors=True)
    def _fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        kinds = [name for name in KINDS if name in data]
        if len(kinds) != 1:
            raise ValidationError(f"specify exactly one of {', '.join(KINDS)}", kinds[1] if kinds else "cron")
        errors: dict[str, list[str]] = {}
        if ("rrule" in data) != ("dtstart" in data):
            errors["dtstart"] = ["`rrule` and `dtstart` go together"]
        elif "rrule" in data:
            try:
                read_recurrence(data["rrule"], data["dtstart"])
            except ValueError as error:
                errors["rrule"] = [str(error)]
        duration = data.get("duration_s")
        if kinds[0] in ("cron", "rrule", "at") and duration is None:
            errors["duration"] = ["is missing; a window needs a duration such as 2h"]
        if "also" in data and duration is None:
            errors["duration"] = ["`also` needs a `duration`"]
        if kinds[0] == "always" and (duration is not None or "also" in data):
            errors["duration"] = ["`always` has no duration and no `also`"]
        if duration is not None and not 1 <= duration <= DURATION_MAX_S:
            errors["duration"] = ["must be from 1s to 31 days"]
        if not errors:
            errors = _uncomputable(data)
        if errors:
            raise ValidationError(errors)

    @post_load(pass_original=True)
    def _keep_original(self, data: dict[str, Any], original: Any, **kwargs: Any) -> dict[str, Any]:
        exceptions = data.pop("except", {"days": [], "calendars": []})
        return {
            **data,
            "except_days": exceptions["days"],
            "except_calendars": exceptions["calendars"],
            "given": original,
        }


def _uncomputable(data: dict[str, Any]) -> dict[str, list[str]]:
    """Compute the windows of the next years; return the errors by field."""
    exceptions = data.get("except", {"days": []})
    schedule = Schedule(
        timezone=data.get("timezone", "UTC"),
        duration_s=data.get("duration_s"),
        cron=data.get("cron"),
        rrule=data.get("rrule"),
        dtstart=data.get("dtstart"),
        also=tuple(data.get("also", ())),
        except_days=tuple((first, last) for first, last in exceptions["days"]),
    )
    try:
        check_openings(schedule)
    except ScheduleError as error:
        return {"cron" if "cron" in data else "rrule": [str(error)]}
    return {}


def _calendar(value: Any) -> dict[str, Any]:
    """Load a calendar of exceptions: a URL, a file path, or a mapping with either."""
    if isinstance(value, str):
        value = {"url" if is_address(value) else "file": value}
    loaded: dict[str, Any] = CalendarSchema().load(value)
    return loaded


def _days(text: str) -> list[str]:
    first, slash, last = text.partition("/")
    try:
        pair = [date.fromisoformat(first), date.fromisoformat(last if slash else first)]
    except ValueError:
        raise ValidationError(f"{text!r} is not a date; use 2026-12-27 or 2027-08-01/2027-08-29") from None
    if pair[1] < pair[0]:
        raise ValidationError(f"{text!r} ends before it starts")
    return [day.isoformat() for day in pair]


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
