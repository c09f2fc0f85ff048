"""The error that a schedule's windows cannot be computed."""

from webhook_app.domain.explanations import explain
from webhook_app.domain.schedules.faults import ScheduleFault


class ScheduleError(ValueError):
    """A schedule whose windows cannot be computed. `explanation` says why as a code, the message in words."""

    def __init__(self, fault: ScheduleFault, **arguments: object) -> None:
        self.explanation = explain(fault, **arguments)
        super().__init__(self.explanation.text)
