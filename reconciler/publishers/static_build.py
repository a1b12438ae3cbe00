"""Builds a static site with its own command and looks whether the article is in what was built."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path

from reconciler.clock import parse_duration_seconds
from reconciler.publishers.port import PublishFailure
from reconciler.publishers.processes import Finished, run_program
from reconciler.publishers.static_settings import BuildSettings


def verify_build(
    folder: Path, settings: BuildSettings, page: str, *, title: str, canonical: str = ""
) -> PublishFailure | None:
    """Build the site; return why the page does not stand there with its title, or None. `page` is from the folder.

    A copy has to name its `canonical` address.
    """
    words, done = " ".join(settings.command), build_site(folder, settings)
    if isinstance(done, PublishFailure):
        return done
    built = folder / page
    if not built.is_file():
        hint = "see publisher.permalink and publisher.build.output"
        return PublishFailure(f"`{words}` built no page {page}\n{done.tail()}", hint=hint)
    html = built.read_text("utf-8", errors="replace")
    if not _has_title(html, title):
        return PublishFailure(f"the page {page} was built without the title “{title}”")
    if canonical and not _names(html, canonical):
        hint = 'let the layout print the canonical address of the front matter in <link rel="canonical">'
        return PublishFailure(f"the page {page} was built without the canonical address {canonical}", "site", hint=hint)
    return None


def build_site(folder: Path, settings: BuildSettings) -> Finished | PublishFailure:
    """Build the site; return how that ended, or why it did not end well."""
    words = " ".join(settings.command)
    try:
        done = run_program(settings.command, folder, seconds=parse_duration_seconds(settings.timeout))
    except OSError as error:
        return PublishFailure(f"cannot start `{words}`: {error.strerror}", "site", hint="see publisher.build.command")
    if done.timed_out:
        return PublishFailure(f"`{words}` was still building after {settings.timeout}\n{done.tail()}", "try-again")
    if done.code != 0:
        return PublishFailure(f"`{words}` ended with {done.code}\n{done.tail()}")
    return done


def _names(html: str, canonical: str) -> bool:
    """Tell whether a page names an address as canonical."""
    links = (link for link in re.findall(r"<link\b[^>]*>", html) if re.search(r"\brel=[\"']?canonical\b", link))
    return any(canonical in unescape(link) for link in links)


def _has_title(html: str, title: str) -> bool:
    """Tell whether a page has the title's words in their order, whatever the generator made of quotes and dashes."""
    text = unescape(re.sub("<[^>]*>", " ", html))
    words = _words(title)
    return " ".join(words) in " ".join(_words(text)) if words else title.strip() in text


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+", text)
