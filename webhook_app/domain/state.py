"""The system's state: everything that folding the journal has led to."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import RuleState


@dataclass
class SystemState:
    """Every room that an event has named, the configuration in force, the rules' memory and the active alarms."""

    config: Config = field(default_factory=Config)
    rooms: MutableMapping[str, Room] = field(default_factory=dict)
    memory: MutableMapping[str, RuleState] = field(default_factory=dict)
    alarms: MutableMapping[str, Alarm] = field(default_factory=dict)
