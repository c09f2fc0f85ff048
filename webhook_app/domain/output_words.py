"""How texts name an output and its states: the words that fill `{output.…}` in the texts of codes and headlines."""

from collections.abc import Mapping
from dataclasses import dataclass

from webhook_app.domain.outputs import OUTPUTS, Output


@dataclass(frozen=True, slots=True)
class OutputWords:
    """The words of one output. All but those of HLS name the output, so that a text with one of them needs no label.

    `noun`, `title` and `a_noun` are one run of it. `of` goes before the name of a room. `broadcast` is a window that
    turns it on. `switch_on` and `switch_off` are what an operator chooses, the others complete "the room …".
    """

    noun: str
    title: str
    a_noun: str
    of: str
    broadcast: str
    switch_on: str
    switch_off: str
    is_on: str
    never_on: str
    went_off: str
    not_ready: str
    nothing_yet: str


OUTPUT_WORDS: Mapping[Output, OutputWords] = {
    Output.HLS: OutputWords(
        noun=OUTPUTS[Output.HLS].label,
        title="Stream",
        a_noun="a stream",
        of="",
        broadcast="Broadcast",
        switch_on="on air",
        switch_off="off air",
        is_on="on air",
        never_on="never went on air",
        went_off="went off air",
        not_ready="the stream is not playable yet",
        nothing_yet="nobody can watch yet",
    ),
    Output.RECORDING: OutputWords(
        noun=OUTPUTS[Output.RECORDING].label,
        title="Recording",
        a_noun="a recording",
        of="the recording of ",
        broadcast="Recording",
        switch_on="recording on",
        switch_off="recording off",
        is_on="being recorded",
        never_on="was never recorded",
        went_off="stopped being recorded",
        not_ready="the recording has not started yet",
        nothing_yet="nothing is recorded yet",
    ),
    Output.RTMP: OutputWords(
        noun=OUTPUTS[Output.RTMP].label,
        title="RTMP stream",
        a_noun="an RTMP stream",
        of="the RTMP stream of ",
        broadcast="RTMP stream",
        switch_on="RTMP stream on",
        switch_off="RTMP stream off",
        is_on="sent by RTMP",
        never_on="was never sent by RTMP",
        went_off="stopped being sent by RTMP",
        not_ready="the RTMP stream has not started yet",
        nothing_yet="nothing is sent by RTMP yet",
    ),
}
_WORD = "{output."


def words_of(output: str | None) -> OutputWords:
    """The words of an output by its stored name; HLS's without one, and for one that this version does not know."""
    return OUTPUT_WORDS[Output(output) if output is not None and output in OUTPUTS else Output.HLS]


def names_output(text: str) -> bool:
    """Whether a text with fields to fill names the output by itself."""
    return _WORD in text


def label_of(output: str) -> str:
    """What goes before a text that does not name its output; one that this version does not know by its own name."""
    return OUTPUT_WORDS[Output(output)].title if output in OUTPUTS else output
