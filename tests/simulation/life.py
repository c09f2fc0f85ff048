"""A simulated life, drawn from its seed: hours in which everything happens at once, or weeks of broadcasts."""

from tests.simulation.agenda import DAY, HOUR, MINUTE, Agenda, InvariantError, Tell
from tests.simulation.caller import Caller
from tests.simulation.checks import calm, check_end, check_fold, check_rest
from tests.simulation.deliverer import Deliverer
from tests.simulation.people import People
from tests.simulation.videosdk import Cloud
from tests.simulation.worker import Worker
from webhook_app.domain.events import Source
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config, Settings
from webhook_app.domain.streams.stream import Stream

RUSH_EVERY = 8  # of so many seeds one is some hours' rush, the others are weeks
RUSHES = 2
WEEKS = 2
TROUBLE_MAX_H = 3
PEACE_MS = 15 * MINUTE
PEACES_MAX = 6
SETTLE_MS = MINUTE
SETTLES_MAX = 5


def simulate(seed: int, *, tell: Tell | None = None, rounds: int | None = None) -> dict[str, int]:
    """Live one seed and count what happened. Raises InvariantError or the core's error, with the seed in its notes."""
    life = Life(seed, tell)
    try:
        if seed % RUSH_EVERY == 0:
            life.rush(RUSHES if rounds is None else rounds)
        else:
            life.live(WEEKS if rounds is None else rounds)
    except Exception as error:
        error.add_note(f"seed {seed}: python -m tests.simulation --seed {seed}")
        raise
    return life.agenda.counts


class Life:
    """One world: VideoSDK, our hands, and people."""

    def __init__(self, seed: int, tell: Tell | None = None) -> None:
        self.agenda = Agenda(seed, tell)
        self.worker = Worker(self.agenda, Config(settings=Settings(calls=True)))
        self.cloud = Cloud(self.agenda, self._on_webhook)
        self.caller = Caller(self.agenda, self.worker, self.cloud)
        self.deliverer = Deliverer(self.agenda, self.worker)
        self.people = People(self.agenda, self.worker, self.cloud)
        self.worker.on_call = self.caller.add
        self.worker.on_run = self._check_end
        self.worker.on_notice = self.deliverer.add

    def rush(self, rounds: int) -> None:
        """Hours in which people and machines never rest, then peace; some times over."""
        begun = self.agenda.now
        self.people.have_rules()
        for _ in range(rounds):
            self.agenda.trouble = True
            self.agenda.later(0, self.people.rush)
            self.agenda.later(0, self.people.wear)
            self.agenda.play(self.agenda.now + self.agenda.rng.randrange(HOUR, TROUBLE_MAX_H * HOUR))
            self._rest()
            check_fold(self.worker)
        self.agenda.count("ms", self.agenda.now - begun)

    def live(self, weeks: int) -> None:
        """Weeks with a few broadcasts a day, any of which may go wrong; twice a day there is peace."""
        begun = self.agenda.now
        self.people.daily = True
        self.people.have_rules()
        self.agenda.play(begun + MINUTE)
        for _ in range(weeks):
            for _ in range(7):
                self._live_a_day(self.agenda.now + DAY)
            check_fold(self.worker)
            self.worker.checkpoint()
        self.agenda.count("ms", self.agenda.now - begun)

    def _live_a_day(self, until: int) -> None:
        agenda, rng = self.agenda, self.agenda.rng
        agenda.trouble = True
        broadcasts = self.people.windows()
        self.people.live_a_day(broadcasts)
        ahead = [window for _, window in broadcasts if agenda.now < window.opens_at < until - 4 * HOUR]
        if ahead:
            window = rng.choice(ahead)
            agenda.play(window.opens_at + rng.randrange(min(window.closes_at - window.opens_at, HOUR)))
            self._rest()
            agenda.trouble = True
        agenda.play(max(agenda.now, until - PEACES_MAX * PEACE_MS))
        self._rest()
        agenda.play(until)

    def _rest(self) -> None:
        """Peace: nothing goes wrong, nobody acts, and what is wanted comes to be."""
        self.agenda.trouble = False
        self.agenda.say("--- peace ---")
        self.cloud.token_ok = True
        self.cloud.forbidden.clear()
        self.worker.down_until = dict.fromkeys(self.worker.down_until, 0)
        for worker in (self.worker, self.caller, self.deliverer):
            worker.sweep()
        for _ in range(PEACES_MAX):
            self.agenda.play(self.agenda.now + PEACE_MS)
            if self._calm():
                self._settle()
            if self._calm():
                check_rest(self.agenda, self.worker, self.cloud)
                break
        self.deliverer.check()

    def _calm(self) -> bool:
        while self.worker.cursor < len(self.worker.journal):  # what came in this very moment
            self.agenda.play(self.agenda.now + 50)
        return calm(self.agenda, self.worker, self.cloud)

    def _settle(self) -> None:
        """A call that was only just sent, as to renew a run that is long enough, is waited for; more must not come."""
        for _ in range(SETTLES_MAX):
            if self.agenda.now - self.caller.sent_at > SETTLE_MS:
                return
            self.agenda.play(self.agenda.now + SETTLE_MS)
        raise InvariantError(f"{self.agenda.clock()} calls go on and on although nothing has changed")

    def _check_end(self, room: Room, run: Stream) -> None:
        check_end(self.agenda, self.cloud, room, run)

    def _on_webhook(self, room_id: str, kind: str, data: dict[str, object]) -> None:
        self.worker.append(Source.VIDEOSDK, kind, room_id, data)
