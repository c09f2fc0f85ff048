"""Actions on subscribers and deliveries: test, enable, disable, resend, delete, retry."""

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import back, flash_and_redirect, require_admin, run_action
from webhook_app.console.components.periods import DEFAULT_PERIOD, PERIODS
from webhook_app.console.context import ConsoleContext, page
from webhook_app.domain.times import DAY
from webhook_app.usecases.deliveries import requeue_delivery
from webhook_app.usecases.subscriber_actions import enable, request_recovery, request_test, retry_all_dead
from webhook_app.usecases.subscriber_views import subscriber_view
from webhook_app.usecases.subscribers import delete_subscriber, require_subscriber, update_subscriber


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the confirmation dialog and the actions."""
    context = console.context

    @blueprint.get("/subscribers/<subscriber_id>/<any(enable, disable, rotate, recover, delete):action>")
    def confirm_subscriber_action(subscriber_id: str, action: str) -> str:
        require_admin(console.auth)
        return page(
            "subscriber_confirmation.html",
            section="subscribers",
            subscriber=subscriber_view(require_subscriber(context, subscriber_id)),
            action=action,
            periods=PERIODS,
            back=back(f"/subscribers/{subscriber_id}"),
        )

    @blueprint.post("/subscribers/<subscriber_id>/<any(test, enable, disable, recover):action>")
    def run_subscriber_action(subscriber_id: str, action: str) -> BaseResponse:
        return run_action(lambda: _run(console, subscriber_id, action), f"/subscribers/{subscriber_id}")

    @blueprint.post("/subscribers/<subscriber_id>/retry-dead")
    def retry_dead(subscriber_id: str) -> BaseResponse:
        def run() -> str:
            count = retry_all_dead(context, subscriber_id)
            return f"{count} dead {'delivery' if count == 1 else 'deliveries'} queued for sending now."

        return run_action(run, f"/subscribers/{subscriber_id}")

    @blueprint.post("/subscribers/<subscriber_id>/delete")
    def delete(subscriber_id: str) -> BaseResponse:
        delete_subscriber(context, subscriber_id)
        flash_and_redirect("Subscriber deleted.", "/subscribers")
        return redirect("/subscribers", code=303)

    @blueprint.post("/deliveries/<delivery_id>/retry")
    def retry_delivery(delivery_id: str) -> BaseResponse:
        def run() -> str:
            requeue_delivery(context, delivery_id)
            return "Queued for sending now."

        return run_action(run, "/subscribers")


def _run(console: ConsoleContext, subscriber_id: str, action: str) -> str:
    """Run an action; return the message to show."""
    context = console.context
    period = request.form.get("span", "")
    since = context.now() - PERIODS[period][1] if period in PERIODS else None
    match action:
        case "test":
            request_test(context, subscriber_id)
            return "Test requested. It appears below as the newest delivery."
        case "enable":
            enable(context, subscriber_id, since)
            return "Enabled." if since is None else f"Enabled. Resending what was missed in the {PERIODS[period][0]}."
        case "disable":
            update_subscriber(context, subscriber_id, {"enabled": False})
            return "Disabled. Missed notices can be resent later."
        case _:
            request_recovery(context, subscriber_id, since or context.now() - DAY, None)
            title = PERIODS.get(period, PERIODS[DEFAULT_PERIOD])[0]
            return f"Resending dead and missed notices of the {title}."
