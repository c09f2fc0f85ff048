"""The schedule's door: a calendar in the words of the contract, checked by trying it."""

from datetime import date
from typing import Any
from zoneinfo import available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from webhook_app.domain.schedules.checks import check_cron, check_openings
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.openings import read_recurrence, read_wall_clock
from webhook_app.domain.schedules.schedule import Schedule
from webhook_app.outbound.calendar_address import check_path, fetch_urls, is_address
from webhook_app.schemas.fields import Duration

TRIGGERS = ("cron", "rrule", "at", "ics", "always")
MOMENTS_MAX = 1_000
DURATION_MAX_S = 31 * 24 * 3600
TEXT_MAX_CHARS = 500
CALENDAR = "a calendar is {url: https://…} or {file: holidays.ics}, with `match` or without"


def a_timezone(name: str) -> None:
    """Refuse what is no IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone; write one such as Europe/London")


def _a_cron(expression: str) -> None:
    try:
        check_cron(expression)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _a_local_time(text: str) -> None:
    try:
        read_wall_clock(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class CalendarSchema(Schema):
    """A calendar by its address or by a file's path."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": CALENDAR}  # noqa: RUF012 - marshmallow's way

    url = fields.String(validate=validate.Length(1, 2_048))
    file = fields.String(validate=validate.Length(1, 1_000))
    match = fields.String(validate=validate.Length(1, 200))

    @validates_schema
    def _one_source(self, data: dict[str, Any], **kwargs: Any) -> None:
        if ("url" in data) == ("file" in data):
            raise ValidationError("a calendar has either a `url` or a `file`", "url")
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
        wrong: dict[int, Any] = {}
        for at, item in enumerate(items):
            try:
                if isinstance(item, dict) and set(item) == {"ics"}:
                    calendars.append(_calendar(item["ics"]))
                elif isinstance(item, str):
                    days.append(_days(item))
                else:
                    raise ValidationError('an exception is "2026-12-27", "2027-08-01/2027-08-29" or {ics: …}')
            except ValidationError as error:
                wrong[at] = error.messages
        if wrong:
            raise ValidationError(wrong if isinstance(value, list) else wrong[0])
        return {"days": days, "calendars": calendars}


class OneOrMore(fields.List[Any]):
    """One local time or a list of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return super()._deserialize(value if isinstance(value, list) else [value], attr, data, **kwargs)


class ScheduleSchema(Schema):
    """When windows open, and for how long."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": 'a schedule is a mapping, such as {cron: "0 9 * * SUN", duration: 2h}'}  # noqa: RUF012

    cron = fields.String(validate=[validate.Length(max=TEXT_MAX_CHARS), _a_cron])
    rrule = fields.String(validate=validate.Length(1, TEXT_MAX_CHARS))
    dtstart = fields.String(validate=_a_local_time)
    at = OneOrMore(fields.String(validate=_a_local_time), validate=validate.Length(1, MOMENTS_MAX))
    ics = fields.Nested(CalendarSchema)
    always = fields.Boolean(
        truthy={True}, falsy=set(), error_messages={"invalid": "is true, or left out"}, validate=validate.Equal(True)
    )
    timezone = fields.String(validate=a_timezone)
    duration = Duration(attribute="duration_s")
    also = OneOrMore(fields.String(validate=_a_local_time), validate=validate.Length(1, MOMENTS_MAX))

    @validates_schema(skip_on_field_errors=True)
    def _fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        given = [name for name in TRIGGERS if name in data]
        if len(given) != 1:
            raise ValidationError(f"a schedule has exactly one of {', '.join(TRIGGERS)}", given[1] if given else "cron")
        errors: dict[str, list[str]] = {}
        if ("rrule" in data) != ("dtstart" in data):
            errors["dtstart"] = ["`rrule` and `dtstart` go together"]
        elif "rrule" in data:
            try:
                read_recurrence(data["rrule"], data["dtstart"])
            except ValueError as error:
                errors["rrule"] = [str(error)]
        duration = data.get("duration_s")
        if given[0] in ("cron", "rrule", "at") and duration is None:
            errors["duration"] = ["a window needs a `duration`, such as 2h"]
        if "also" in data and duration is None:
            errors["duration"] = ["`also` needs a `duration`"]
        if given[0] == "always" and (duration is not None or "also" in data):
            errors["duration"] = ["`always` has no duration and no `also`"]
        if duration is not None and not 1 <= duration <= DURATION_MAX_S:
            errors["duration"] = ["a window lasts from one second to 31 days"]
        if not errors:
            errors = _uncomputable(data)
        if errors:
            raise ValidationError(errors)

    @post_load(pass_original=True)
    def _keep_as_given(self, data: dict[str, Any], original: Any, **kwargs: Any) -> dict[str, Any]:
        exceptions = data.pop("except", {"days": [], "calendars": []})
        return {
            **data,
            "except_days": exceptions["days"],
            "except_calendars": exceptions["calendars"],
            "given": original,
        }


ScheduleSchema._declared_fields["except"] = Exceptions()


def _uncomputable(data: dict[str, Any]) -> dict[str, list[str]]:
    """Count out the windows of the next years; what goes wrong, by field."""
    excepted = data.get("except", {"days": []})
    schedule = Schedule(
        timezone=data.get("timezone", "UTC"),
        duration_s=data.get("duration_s"),
        cron=data.get("cron"),
        rrule=data.get("rrule"),
        dtstart=data.get("dtstart"),
        also=tuple(data.get("also", ())),
        except_days=tuple((first, last) for first, last in excepted["days"]),
    )
    try:
        check_openings(schedule)
    except ScheduleError as error:
        return {"cron" if "cron" in data else "rrule": [str(error)]}
    return {}


def _calendar(given: Any) -> dict[str, Any]:
    """A calendar that is excepted: its address, its file's path, or either in a mapping."""
    if isinstance(given, str):
        given = {"url" if is_address(given) else "file": given}
    loaded: dict[str, Any] = CalendarSchema().load(given)
    return loaded


def _days(text: str) -> list[str]:
    first, slash, last = text.partition("/")
    try:
        pair = [date.fromisoformat(first), date.fromisoformat(last if slash else first)]
    except ValueError:
        raise ValidationError(f"{text!r} is no date; write 2026-12-27 or 2027-08-01/2027-08-29") from None
    if pair[1] < pair[0]:
        raise ValidationError(f"{text!r} ends before it begins")
    return [day.isoformat() for day in pair]
