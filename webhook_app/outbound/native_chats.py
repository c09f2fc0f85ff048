"""Recognises webhook addresses of chat services, which refuse our JSON, and names the Apprise URL to use instead."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class NativeChat:
    """A service that refuses the JSON of Standard Webhooks, or shows it as raw text.

    `host` and `path` are patterns of its addresses; `instead` is the Apprise URL to write.
    """

    name: str
    host: str
    path: str
    instead: str

    def matches(self, host: str, path: str) -> bool:
        """Whether an address belongs to this service."""
        return bool(re.fullmatch(self.host, host) and re.match(self.path, path))


# The path is where the service's own keys begin. Addresses that accept any JSON (flows of Power Automate, triggers
# of Slack's workflows) are not in the list.
NATIVE_CHATS = (
    NativeChat(
        "Discord",
        r"(?:(?:ptb|canary)\.)?discord(?:app)?\.com",
        r"/api/(?:v\d+/)?webhooks/",
        "discord://<id>/<token>, with the two parts that follow /webhooks/",
    ),
    NativeChat(
        "Slack",
        r"hooks\.slack(?:-gov)?\.com",
        r"/services/",
        "slack://<A>/<B>/<C>, with the three parts that follow /services/",
    ),
    NativeChat(
        "Google Chat",
        r"chat\.googleapis\.com",
        r"/v\d+/spaces/",
        "gchat://<space>/<key>/<token>, with the part that follows /spaces/ and the values of key= and token=",
    ),
    NativeChat(
        "Microsoft Teams",
        r"(?:.+\.)?webhook\.office\.com|outlook\.office(?:365)?\.com",
        r"/webhook(?:b2)?/",
        "workflows://<host>/<workflow>/<signature> of a workflow that posts to the channel, as Microsoft has retired "
        "these connectors",
    ),
    NativeChat(
        "Webex",
        r"(?:api\.)?(?:webexapis|ciscospark)\.com",
        r"/v1/webhooks/incoming/",
        "wxteams://<token>, with the part that follows /incoming/",
    ),
    NativeChat(
        "Telegram",
        r"api\.telegram\.org",
        r"/bot",
        "tgram://<token>/<chat id>, with the part that follows /bot",
    ),
    NativeChat("ntfy", r"(?:www\.)?ntfy\.sh", r"/[^/]", "ntfys://<topic>"),
    NativeChat(
        "WeCom",
        r"qyapi\.weixin\.qq\.com",
        r"/cgi-bin/webhook/send",
        "wecombot://<key>, with the value of key=",
    ),
    NativeChat(
        "Feishu",
        r"open\.feishu\.cn",
        r"/open-apis/bot/v2/hook/",
        "feishu://<token>, with the part that follows /hook/",
    ),
    NativeChat(
        "Lark",
        r"open\.larksuite\.com",
        r"/open-apis/bot/v2/hook/",
        "lark://<token>, with the part that follows /hook/",
    ),
    NativeChat(
        "DingTalk",
        r"oapi\.dingtalk\.com",
        r"/robot/send",
        "dingtalk://<token>, with the value of access_token=",
    ),
)


def native_chat_hint(url: str) -> str | None:
    """What to write instead of a chat service's own address; None for any other address."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    chat = next((chat for chat in NATIVE_CHATS if chat.matches(host, parts.path)), None)
    return (
        None if chat is None else f"{chat.name} does not accept Tallylight's JSON at this address: write {chat.instead}"
    )
