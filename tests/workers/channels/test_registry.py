"""Each channel has a module that builds it, and is found by the scheme of a URL."""

import inspect
from importlib import import_module

import pytest

from webhook_app.masking.url_masking import shown_url
from webhook_app.outbound.channel_kinds import ANY_OTHER, CHANNELS, ChannelKind, channel_kind_of
from workers.channels.port import Channel

KINDS = (*CHANNELS, ANY_OTHER)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.module for kind in KINDS])
def test_the_module_of_a_channel_builds_it(kind: ChannelKind) -> None:
    built = inspect.get_annotations(import_module(f"workers.channels.{kind.module}").open_channel)["return"]
    methods = {name for name in vars(Channel) if not name.startswith("_")}
    assert methods <= {name for name, _ in inspect.getmembers(built, inspect.isfunction)}


@pytest.mark.parametrize(
    ("url", "module"),
    [
        ("http://example.org/hook", "webhook"),
        ("HTTPS://example.org/hook", "webhook"),
        ("slack://a/b/c", "apprise"),
        ("mailto://user:password@example.com", "apprise"),
        ("nonsense", "apprise"),
    ],
)
def test_a_channel_is_found_by_the_scheme_of_a_url(url: str, module: str) -> None:
    assert channel_kind_of(url).module == module


def test_no_scheme_has_two_channels() -> None:
    schemes = [scheme for kind in CHANNELS for scheme in kind.schemes]
    assert len(schemes) == len(set(schemes))


@pytest.mark.parametrize("kind", CHANNELS, ids=[kind.module for kind in CHANNELS])
def test_the_secrets_of_a_channels_urls_are_masked(kind: ChannelKind) -> None:
    for scheme in kind.schemes:
        assert "hunter2" not in shown_url(f"{scheme}://user:hunter2@example.org/path")
