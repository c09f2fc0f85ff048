"""What can go wrong when a condition is evaluated: a code for each fault, and its text for people."""

from collections.abc import Mapping
from enum import StrEnum


class ConditionFault(StrEnum):
    """Why a condition has no value, which counts as false."""

    FIELD_MISSING = "condition-field-missing"
    TYPE_MISMATCH = "condition-type-mismatch"
    NOT_BOOLEAN = "condition-not-boolean"
    TOO_COSTLY = "condition-too-costly"
    UNUSABLE = "condition-unusable"
    FAILED = "condition-failed"


CONDITION_FAULT_TEXTS: Mapping[str, str] = {
    ConditionFault.FIELD_MISSING: "'{field}' is missing",
    ConditionFault.TYPE_MISMATCH: "a value is missing or of another type",
    ConditionFault.NOT_BOOLEAN: "the condition gave {type}, not true or false",
    ConditionFault.TOO_COSTLY: "{error}",
    ConditionFault.UNUSABLE: "{error}",
    ConditionFault.FAILED: "{error}",
}
