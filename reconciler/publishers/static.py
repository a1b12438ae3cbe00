"""Articles as files in a folder that a static site generator builds: Markdown, front matter, and images beside it.

A file is invisible to nobody, so `prepare` writes nothing: it looks whether the article's key stands there already.
`publish` writes the images first and the page last, each by temporary file and rename: a page never lacks its images.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import Spec
from reconciler.publishers.generators import find_generator
from reconciler.publishers.generators.port import Generator
from reconciler.publishers.port import Article, Notebook, Preflight, Publisher, PublishFailure, Remote

_KEY = re.compile(r'^\s*igny8: "([^"]+)"$', re.MULTILINE)
_SLUG = re.compile(r"[\w-]{1,120}")
_FRONT_MATTER_BYTES = 8192


def _check_path(text: str) -> str:
    if not text or text.startswith(("/", "~")) or ".." in text.split("/"):
        raise PydanticCustomError("static_path", "the folder is given from the config root, and stays inside it", {})
    return text


class StaticSettings(Spec):
    """A folder below the config root, and the generator that builds it."""

    path: Annotated[str, AfterValidator(_check_path)]
    generator: Literal["hugo"] = "hugo"


DECLARATION = PublisherDeclaration("static", StaticSettings)


def make(settings: Mapping[str, Any], site_url: str, root: Path, secrets: Mapping[str, str]) -> Publisher:
    """Return the publisher of a site's folder."""
    spec = StaticSettings.model_validate(dict(settings))
    return StaticPublisher(root / spec.path, site_url, find_generator(spec.generator))


@dataclass(frozen=True, slots=True)
class StaticPublisher:
    """Writes articles into one folder. The remote id of an article is its page, from the folder."""

    folder: Path
    site_url: str
    generator: Generator

    def check(self) -> Preflight | PublishFailure:
        """Tell whether the folder, or the nearest one above it that is there, can be written."""
        there = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return Preflight(f"the folder {self.folder}", ("write",))
        return Preflight(f"the folder {self.folder}", (), missing=("write",), least_role=f"write access to {there}")

    def prepare(self, article: Article, notebook: Notebook, known: Remote | None) -> Remote | PublishFailure:
        """Find the page that carries the article's key; refuse a place that carries somebody else's page."""
        if not _SLUG.fullmatch(article.slug):
            return PublishFailure(f"the slug {article.slug!r} is no file name")
        place = PurePosixPath(self.generator.folder(article.slug)) / self.generator.page_name
        try:
            if (self.folder / place).exists():
                if _key_of(self.folder / place) != article.key:
                    return PublishFailure(f"{place} belongs to another article", hint="change the slug, or remove it")
                return self._remote(place)
            return self._remote(self._elsewhere(article.key) or place)
        except OSError as error:
            return PublishFailure(f"cannot read {self.folder}: {error.strerror}", "try-again")

    def publish(self, article: Article, remote: Remote, notebook: Notebook) -> Remote | PublishFailure:
        """Write images and page where they differ from what is there, and read the page back."""
        page = self.folder / remote.remote_id
        try:
            self._start_site(article)
            for image in article.images:
                _write(page.parent / image.file_name, Path(image.path).read_bytes())
            _write(page, self.generator.page(article).encode())
            if _key_of(page) != article.key:
                return PublishFailure(f"{remote.remote_id} does not read back as written", "try-again")
            return self._remote(PurePosixPath(remote.remote_id))
        except OSError as error:
            return self._unwritten(error)

    def update(self, article: Article, remote: Remote, notebook: Notebook, *, force: bool) -> Remote | PublishFailure:
        """Write the page anew where it stands, unless a person changed it."""
        try:
            now = self._remote(PurePosixPath(remote.remote_id))
        except OSError as error:
            return PublishFailure(f"cannot read {remote.remote_id}: {error.strerror}", "try-again")
        if now.fingerprint != remote.fingerprint and not force:
            return PublishFailure(f"{remote.remote_id} was changed by hand since we wrote it", "changed-by-hand")
        return self.publish(article, remote, notebook)

    def withdraw(self, remote: Remote) -> Remote | PublishFailure:
        """Remove the page; its images stay beside the place."""
        try:
            (self.folder / remote.remote_id).unlink(missing_ok=True)
            return self._remote(PurePosixPath(remote.remote_id))
        except OSError as error:
            return self._unwritten(error)

    def look(self, remotes: Sequence[Remote]) -> tuple[Remote, ...] | PublishFailure:
        """Return how each page stands in the folder now."""
        try:
            return tuple(self._remote(PurePosixPath(remote.remote_id)) for remote in remotes)
        except OSError as error:
            return PublishFailure(f"cannot read {self.folder}: {error.strerror}", "try-again")

    def close(self) -> None:
        """Nothing is held open."""

    def _remote(self, place: PurePosixPath) -> Remote:
        page = self.folder / place
        url = self.generator.url(self.site_url, place.parent.name)
        if not page.exists():
            return Remote(str(place), url, "missing")
        return Remote(str(place), url, "public", fingerprint=hashlib.sha256(page.read_bytes()).hexdigest())

    def _unwritten(self, error: OSError) -> PublishFailure:
        return PublishFailure(f"cannot write {error.filename or self.folder}: {error.strerror}", "try-again")

    def _elsewhere(self, key: str) -> PurePosixPath | None:
        """Return the page that carries the key under another slug, so that a changed slug makes no second page."""
        posts = (self.folder / self.generator.folder("x")).parent
        for page in posts.glob(f"*/{self.generator.page_name}"):
            if _key_of(page) == key:
                return PurePosixPath(page.relative_to(self.folder).as_posix())
        return None

    def _start_site(self, article: Article) -> None:
        """Make a folder without a site into a small working one; touch nothing where there is a config."""
        if any((self.folder / name).exists() for name in self.generator.config_names):
            return
        files = dict(self.generator.starter(self.site_url, article.site_title, article.language))
        # The config is written last: it is the sign that the others are there.
        for name in sorted(files, key=lambda name: name in self.generator.config_names):
            if not (self.folder / name).exists():
                _write(self.folder / name, files[name].encode())


def _key_of(page: Path) -> str:
    with page.open("rb") as file:
        head = file.read(_FRONT_MATTER_BYTES).decode(errors="replace")
    parts = head.split("\n---", 2)
    match = _KEY.search(parts[0]) if head.startswith("---\n") else None
    return str(json.loads(f'"{match[1]}"')) if match else ""


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; the same bytes are left alone."""
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".igny8-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
