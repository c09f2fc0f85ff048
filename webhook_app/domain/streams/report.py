"""What a provider says about one stream, in our words: a webhook, an answer or a probe's finding, translated."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A file that a recording has left: its path, and its address unless it lies in the customer's own storage."""

    path: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class StreamReport:
    """The names and addresses of one stream, its files, and why it failed; any of them may be missing.

    `provider_started_at` is the provider's own time of the start in ms since 1970, which only its REST API gives.
    `aliases` are further ids of the same stream. `destinations` are the masked URLs to which RTMP is sent.
    """

    videosdk_id: str | None = None
    url_key: str | None = None
    session_id: str | None = None
    playback_url: str | None = None
    livestream_url: str | None = None
    failure: str | None = None
    files: tuple[File, ...] = ()
    provider_started_at: int | None = None
    aliases: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that it gives for the stream."""
        return self.aliases if self.videosdk_id is None else (self.videosdk_id, *self.aliases)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that identifies the stream: its ids, and its URL without the file's name."""
        return self.ids if self.url_key is None else (*self.ids, self.url_key)

    @property
    def bare(self) -> bool:
        """Whether it identifies no stream: neither an id nor a URL."""
        return not self.ids and self.url_key is None


def url_key(url: str) -> str:
    """A playback URL without its query and last segment: `index.m3u8` and `live.m3u8` of a stream share it."""
    path = url.split("?", 1)[0].split("#", 1)[0]
    head, slash, _ = path.rpartition("/")
    return head if slash and not head.endswith("/") and head else path
