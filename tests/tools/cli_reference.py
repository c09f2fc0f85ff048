"""Writes docs/reference/cli.md out of the commands themselves: `make docs`."""
# ruff: noqa: E501 - a paragraph of the page is one line

from collections.abc import Iterator

import click

from tests.support import paths
from workers.cli.main import main

PAGE = paths.ROOT / "docs" / "reference" / "cli.md"
WIDTH = 100
HEAD = """\
# The command line

Written by `make docs` out of the commands; a test compares. `tally` is `.venv/bin/tally` after `make run` or `make setup`.

Commands that ask or change something talk to the HTTP API of the product that runs: at `--url` or `TALLY_URL`, else at the `tally up` on this `DATA_DIR`, else at `HOST` and `PORT`; with `ADMIN_TOKEN`, else the token in `DATA_DIR/admin_token` (which is shown to the product that made it only: not to another `--url`), else `VIEWER_TOKEN`. `doctor`, `config` and `rules backtest` look at the store themselves ([why](../adr/0023-cli-uses-the-api.md)).

Exit status: 0 done, 1 failed, 2 wrong use. Errors go to stderr. Colours and progress bars are for terminals; `NO_COLOR` is respected. With `--json` there is nothing but JSON on stdout.

Completion on the Tab key, of commands, options and rooms:

```sh
eval "$(_TALLY_COMPLETE=bash_source tally)"    # in ~/.bashrc
eval "$(_TALLY_COMPLETE=zsh_source tally)"     # in ~/.zshrc
_TALLY_COMPLETE=fish_source tally | source     # in ~/.config/fish/completions/tally.fish
```
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, *(_section(words, command) for words, command in _commands(main, ()))]
    return "\n".join(parts)


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], (*path, name))


def _section(words: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(
        command,
        info_name=" ".join(("tally", *words)),
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    mark = "#" * (1 + min(2, max(1, len(words))))
    return f"{mark} {' '.join(('tally', *words))}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), "utf-8")
