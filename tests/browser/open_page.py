"""The type of the fixture ``open_page`` (tests/browser/page_plugin.py): opens the page in a scene."""

from collections.abc import Awaitable, Callable

from playwright.async_api import Page

OpenPage = Callable[..., Awaitable[Page]]
