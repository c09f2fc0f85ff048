"""Rules with a condition as their trigger (`when`, with an optional `for`).

1. The condition becomes true: the room keeps since when (`holding`). With a `for` a timer is set.
2. It stays true until the timer goes off, or there is no `for`: the rule acts. A rule that ends a stream because of
   who is in the room first checks with VideoSDK (`verifying`).
3. The probe's result confirms the condition: the rule acts. It refutes it: the rule does not act.
4. The condition becomes false: all of this is dropped, and the next time begins anew.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.results import ProbeResult
from webhook_app.domain.ids import is_after
from webhook_app.domain.probing.requests import REPROBE_MS, request_probe
from webhook_app.domain.probing.results import PROBE_RETRY_FIRST_MS
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.probing.verification import is_verified_first
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.actions import act
from webhook_app.domain.rules.condition_evaluation import evaluate_condition
from webhook_app.domain.rules.conditions import stored_condition
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ConditionTrigger
from webhook_app.domain.sessions.roster import assume_viewers, moves_since
from webhook_app.domain.timers import probe_timer, rule_timer


def evaluate_condition_rule(context: StepContext, rule: Rule, trigger: ConditionTrigger) -> None:
    """Evaluate a rule's `when` on the room as it is: steps 1, 2 and 4."""
    since = context.room.rules.holding.get(rule.name)
    is_true = _is_true(context, rule, trigger, was_true=since is not None)
    if is_true and since is None:
        context.change_rules(holding={**context.room.rules.holding, rule.name: context.event.at})
        if trigger.for_s:
            context.set_timer(rule_timer(rule.name), context.event.at + trigger.for_s * 1000)
            context.record_decision(Reason.RULE_BEGAN_TO_HOLD, rule=rule.name, seconds=trigger.for_s)
        else:
            _act_or_verify(context, rule)
    elif not is_true and since is not None:
        reset_condition(context, rule.name)
        context.record_decision(Reason.RULE_NO_LONGER_HOLDS, rule=rule.name)


def on_hold_elapsed(context: StepContext, rule: Rule, trigger: ConditionTrigger) -> None:
    """The timer of a rule's `for` went off: step 2, if the condition is still true."""
    if not _is_true(context, rule, trigger, was_true=True):
        reset_condition(context, rule.name)
        context.record_decision(Reason.RULE_NO_LONGER_HOLDS, rule=rule.name)
        return
    context.record_effect(Reason.RULE_HELD, seconds=trigger.for_s, rule=rule.name)
    _act_or_verify(context, rule)


def resolve_verifications(context: StepContext, probe: ProbeResult) -> None:
    """Act, or do not, on the rules that wait for a probe of who is in the room: step 3.

    A rule acts when its condition is true for what the probe alone found, and seems to be true with those who have
    joined since, and now. Where it is true only because somebody has left since, the room is probed again.
    """
    waiting, session = context.room.rules.verifying, context.room.session
    if not waiting or not probe.understood:
        return
    if probe.session is None and not _found_no_session(context, probe):
        if context.room.probing.probe is None:
            context.set_timer(probe_timer(ProbeSubject.PARTICIPANTS), context.event.at + PROBE_RETRY_FIRST_MS)
        return
    verified = context.verified
    if verified is None and session is not None and is_after(session.last_event_id, probe.asked_id):
        return
    context.change_rules(verifying=())
    for rule in context.config.about(context.room.room_id):
        trigger = rule.trigger
        if rule.name not in waiting or rule.name not in context.room.rules.holding:
            continue
        if not isinstance(trigger, ConditionTrigger):
            continue
        if not _is_true(context, rule, trigger, was_true=True):
            context.record_decision(Reason.RULE_REFUTED, rule=rule.name)
        elif _is_verified(context, rule, trigger):
            act(context, rule, None)
        elif verified is not None and any(not move.joined for move in moves_since(verified, probe.asked_id)):
            context.change_rules(verifying=(*context.room.rules.verifying, rule.name))
            if context.room.probing.probe is None:
                context.set_timer(probe_timer(ProbeSubject.PARTICIPANTS), context.event.at + REPROBE_MS)
        else:
            context.record_decision(Reason.RULE_REFUTED, rule=rule.name)


def reset_condition(context: StepContext, rule_name: str) -> None:
    """Drop what the room keeps of a rule's condition."""
    context.clear_timer(rule_timer(rule_name))
    rules = context.room.rules
    if rule_name in rules.holding:
        context.change_rules(holding={name: since for name, since in rules.holding.items() if name != rule_name})
    if rule_name in rules.verifying:
        context.change_rules(verifying=tuple(name for name in rules.verifying if name != rule_name))


def _act_or_verify(context: StepContext, rule: Rule) -> None:
    if not is_verified_first(rule) or not context.config.settings.calls:
        act(context, rule, None)
        return
    context.change_rules(verifying=(*context.room.rules.verifying, rule.name))
    context.record_decision(Reason.RULE_VERIFYING, rule=rule.name)
    request_probe(context, ProbeSubject.PARTICIPANTS)


def _is_true(context: StepContext, rule: Rule, trigger: ConditionTrigger, *, was_true: bool) -> bool:
    """Whether a `when` is true. One that was true stays so while only newcomers of unknown mode could end it."""
    if evaluate_condition(context, rule, trigger.when, None).is_true:
        return True
    session = context.room.session
    if not was_true or session is None or not session.live or not session.complete or not session.unknown_roles:
        return False
    if not stored_condition(trigger.when).uses_participants:
        return False
    return evaluate_condition(context, rule, trigger.when, None, session=assume_viewers(session)).is_true


def _is_verified(context: StepContext, rule: Rule, trigger: ConditionTrigger) -> bool:
    """Whether a `when` is true for what this event's probe found, whoever has left since."""
    if context.verified is None or context.arrived is None:
        return True
    if not evaluate_condition(context, rule, trigger.when, None, session=context.verified).is_true:
        return False
    return evaluate_condition(context, rule, trigger.when, None, session=assume_viewers(context.arrived)).is_true


def _found_no_session(context: StepContext, probe: ProbeResult) -> bool:
    """Whether the probe asked for the room's session, VideoSDK has none, and the room has none."""
    call = context.outcome.calls.get(str(probe.call_id))
    is_asked = call is not None and call.probe_request.with_session
    return is_asked and not probe.session_unknown and not context.room.has_live_session
