"""Compare VideoSDK's answers with what Tallylight assumes about them. Pure."""

from collections.abc import Iterator
from typing import assert_never

from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.providers.videosdk.answers import ApiAnswer
from workers.doctor.conformance import answer_findings
from workers.doctor.conformance.answer_findings import AS_ASSUMED, Finding
from workers.doctor.conformance.observations import Observations, Step
from workers.doctor.conformance.rows import NO_CONSEQUENCE, Result, Row
from workers.doctor.conformance.scrubbing import describe

CALL_DEADLINE_S = 10.0
NO_SESSION = frozenset({400, 402, 404, 409})
BLOCKED = frozenset({401, 403, 429})  # say nothing about the point in question


def answer_rows(observations: Observations, private: tuple[str, ...] = ()) -> Iterator[Row]:
    """Yield a row for each step that was tried."""
    output = observations.output
    label = OUTPUTS[output].label
    for step, assumption in _assumptions(output, label):
        timed = observations.answers.get(step)
        if timed is None:
            continue
        finding = _compare(step, timed.answer, observations)
        observed = describe(timed.answer, private) + finding.remark
        yield Row(step.value, output, assumption, observed, finding.result, finding.consequence)
        if step is Step.START and timed.answer.ok:
            yield _start_time(output, label, timed.took_ms)


def _assumptions(output: Output, label: str) -> Iterator[tuple[Step, str]]:
    """The assumptions in the order of the run."""
    yield from (
        (Step.ACTIVE_BEFORE, "“Nothing active” is 402, 404, 204, or a success without a stream."),
        (Step.LIST_WITHOUT_ROOM, "`GET /v2/hls` needs no `roomId`."),
        (Step.PARTICIPANTS, "The participants of a session can be read."),
    )
    names = "an object with the stream's id and URLs" if output is Output.HLS else "a string"
    with_file = ", with its file" if output is Output.RECORDING else ""
    yield from (
        (Step.START, f"A start is answered 2xx, with {names}."),
        (Step.ACTIVE_WHILE_STARTING, "`/active` shows a stream that is still starting."),
        (Step.END_WHILE_STARTING, f"An end is refused while the {label} is starting."),
        (Step.SECOND_START, f"A second start is refused with 400 or 409 while the {label} is running."),
        (Step.ACTIVE_RUNNING, "`/active` shows the running stream, with the id of the start's answer."),
        (Step.LIST_RUNNING, f"The list shows the running {label}, with `end` null."),
        (Step.END, "An end is answered 2xx."),
        (Step.END_WHILE_STOPPING, "A second end is refused with 4xx."),
        (Step.ACTIVE_AFTER, "Once the stream has stopped, “nothing active” has the same form as before."),
        (Step.END_AFTER, f"An end is refused with 4xx when no {label} is running."),
        (Step.LIST_AFTER, f"The list shows the {label} as ended{with_file}."),
        (Step.DETAIL, "The stream's object has VideoSDK's record of its webhooks."),
        (Step.END_SESSION, "Ending the session is answered 2xx."),
        (Step.ACTIVE_AFTER_SESSION, "A session's end ends its stream: nothing is active afterwards."),
        (Step.START_WITHOUT_SESSION, "A start without a session is refused with 400, 402, 404 or 409."),
    )


def _start_time(output: Output, label: str, took_ms: int) -> Row:
    took_s = took_ms / 1000
    in_time = took_s <= CALL_DEADLINE_S
    return Row(
        "start-time",
        output,
        f"The start of a {label} is answered within {CALL_DEADLINE_S:.0f} s.",
        f"{took_s:.1f} s",
        Result.AS_ASSUMED if in_time else Result.DIFFERS,
        NO_CONSEQUENCE if in_time else "Starts time out and are settled by webhooks or probes: they take longer.",
    )


def _compare(step: Step, answer: ApiAnswer, observations: Observations) -> Finding:
    if answer.status is None or answer.code in BLOCKED or (answer.code or 0) >= 500:
        return Finding(Result.FAILED, "Not settled. Run the check again.")
    match step:
        case Step.ACTIVE_BEFORE | Step.ACTIVE_AFTER | Step.ACTIVE_AFTER_SESSION:
            return answer_findings.none_active(
                answer, observations.answer(Step.ACTIVE_BEFORE) if step is Step.ACTIVE_AFTER else None
            )
        case Step.ACTIVE_WHILE_STARTING:
            return answer_findings.active_while_starting(answer)
        case Step.ACTIVE_RUNNING:
            return answer_findings.active_running(answer, observations.newest_start)
        case Step.LIST_WITHOUT_ROOM:
            return answer_findings.list_without_room(answer)
        case Step.LIST_RUNNING:
            return answer_findings.list_running(answer, observations.output)
        case Step.LIST_AFTER:
            return answer_findings.list_after(answer, observations.output)
        case Step.PARTICIPANTS:
            return answer_findings.participants(answer)
        case Step.DETAIL:
            return answer_findings.detail(answer)
        case Step.START:
            return answer_findings.start(answer, observations.output)
        case Step.SECOND_START:
            return answer_findings.second_start(answer, observations.newest_start)
        case Step.START_WITHOUT_SESSION:
            return answer_findings.refused(answer, "Tallylight may start streams in empty rooms.", NO_SESSION)
        case Step.END_WHILE_STARTING:
            return answer_findings.refused(answer, "Tallylight need not wait for `started` before it ends one.")
        case Step.END_WHILE_STOPPING | Step.END_AFTER:
            return answer_findings.refused(answer, "Harmless: an end that changes nothing looks like one that worked.")
        case Step.END | Step.END_SESSION:
            return answer_findings.accepted(answer)
        case Step.START_AGAIN | Step.ACTIVE_BEFORE_SESSION_END:
            return AS_ASSUMED  # not in the table
        case _:
            assert_never(step)
