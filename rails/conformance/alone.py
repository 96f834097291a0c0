"""Holds a block to what a program can do alone: whatever starts a browser or asks a person is refused.

Python tells every import, every child process and every question at the terminal to an audit hook. A hook
stays for the life of the process, so it is added once and does nothing outside such a block.
"""

import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

from typing_extensions import override

_BROWSERS: Final = (
    *("chrome", "chromium", "firefox", "msedge", "safari", "webkit", "opera", "brave"),
    *("geckodriver", "playwright", "xdg-open", "cypress", "puppeteer"),
)
_DRIVERS: Final = frozenset({"playwright", "selenium", "pyppeteer", "splinter", "helium"})


class NotAlone(AssertionError):
    """A browser was started or a person was asked, where code alone was promised."""


class _NoBrowser(webbrowser.BaseBrowser):
    @override
    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        if _Watch.blocks:
            raise NotAlone("a browser was opened")
        return False


class _Watch:
    hooked = False
    blocks = 0


@contextmanager
def by_code_alone() -> Iterator[None]:
    """Let nothing in this block start a browser or ask a person.

    raises: NotAlone, where it happens.
    """
    if not _Watch.hooked:
        sys.addaudithook(_refuse)
        # Where no browser is installed, opening one is told to no hook.
        webbrowser.register("pennyrail-alone", None, _NoBrowser(), preferred=True)
        _Watch.hooked = True
    _Watch.blocks += 1
    try:
        yield
    finally:
        _Watch.blocks -= 1


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if not _Watch.blocks:
        return
    match event, arguments:
        case "builtins.input", _:
            raise NotAlone("a person was asked at the terminal")
        case "import", (str() as module, *_) if module.partition(".")[0] in _DRIVERS:
            raise NotAlone(f"{module}, which drives browsers, was imported")
        case "subprocess.Popen", (program, *_) if _is_browser(program):
            raise NotAlone(f"{program} was started")
        case _:
            return


def _is_browser(program: object) -> bool:
    path = PurePath(str(program).lower())
    return any(browser in path.name for browser in _BROWSERS) or not _DRIVERS.isdisjoint(path.parts)
