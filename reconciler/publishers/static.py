"""Articles as files in a folder that a static site generator builds: Markdown, front matter, and images beside it.

A file is invisible to nobody, so `prepare` writes nothing: it looks whether the article's key stands there already.
`publish` writes the images first and the page last, each by temporary file and rename: a page never lacks its images.
With a build command the site is built before anybody else sees the page; with a git repository a page is public once
its commit is at the remote.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from reconciler.publishers.generators import find_generator
from reconciler.publishers.generators.port import Generator, Place
from reconciler.publishers.port import Article, Notebook, Preflight, Publisher, PublishFailure, Remote
from reconciler.publishers.static_build import build_site, verify_build
from reconciler.publishers.static_folder import (
    digest_of,
    fingerprint,
    fingerprint_of,
    hold_folder,
    marks_of,
    remove_files,
    remove_leftovers,
    write_file,
)
from reconciler.publishers.static_git import GitError, Repository
from reconciler.publishers.static_settings import DECLARATION, StaticSettings

__all__ = ["DECLARATION", "StaticPublisher", "make"]

_SLUG = re.compile(r"[\w-]{1,120}")
_SLUG_BYTES_MAX = 240


def make(settings: Mapping[str, Any], site_url: str, root: Path, secrets: Mapping[str, str]) -> Publisher:
    """Return the publisher of a site's folder."""
    spec = StaticSettings.model_validate(dict(settings), strict=False)
    return StaticPublisher(root / spec.path, site_url, spec, secrets.get("git_token", ""))


@dataclass(slots=True)
class StaticPublisher:
    """Writes articles into one folder. The remote id of an article is its page, from the folder."""

    folder: Path
    site_url: str
    settings: StaticSettings
    git_token: str = ""
    # The key of what `prepare` has just looked for at the remote; a push that follows finds out by itself what came after.
    _prepared: str = field(default="", init=False)

    def check(self) -> Preflight | PublishFailure:
        """Tell whether the folder can be written, the site built, and the repository fetched and pushed to."""
        there = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            return Preflight(self._who, (), missing=("write",), least_role=f"write access to {there}")
        may, missing, warnings = ["write"], list[str](), list[str]()
        if build := self.settings.build:
            found = shutil.which(build.command[0], path=os.environ.get("PATH")) or self._own_program(build.command[0])
            (may if found else missing).append(f"build with {build.command[0]}")
        if self.folder.is_dir() and any(self.folder.iterdir()) and not self._has_config():
            warnings.append(f"the folder has no config of {self._generator.name}; a small site is put beside its files")
        try:
            with self._repository() as repository:
                if repository is not None:
                    may += self._check_git(repository, warnings)
        except OSError as error:
            return self._unwritten(error)
        except GitError as error:
            return PublishFailure(error.message, error.scope, hint=error.hint)
        return Preflight(self._who, tuple(may), tuple(missing), tuple(warnings), "write access to the folder")

    def prepare(self, article: Article, notebook: Notebook, known: Remote | None) -> Remote | PublishFailure:
        """Find the page that carries the article's key; refuse a place that carries somebody else's page."""
        if not _SLUG.fullmatch(article.slug) or len(article.slug.encode()) > _SLUG_BYTES_MAX:
            return PublishFailure(f"the slug {article.slug!r} is no file name")
        try:
            with self._repository() as repository:
                if repository is not None:
                    repository.sync()
                page = self._find(article, known)
                if isinstance(page, PublishFailure):
                    return page
                self._prepared = article.key
                return self._remote(page, repository)
        except OSError as error:
            return PublishFailure(f"cannot read {self.folder}: {error.strerror}", "try-again")
        except GitError as error:
            return PublishFailure(error.message, error.scope, hint=error.hint)

    def publish(self, article: Article, remote: Remote, notebook: Notebook) -> Remote | PublishFailure:
        """Write images and page, build and commit them, and read the page back; what is public stays as it is."""
        return self._change(article, remote.remote_id, "publish")

    def update(self, article: Article, remote: Remote, notebook: Notebook, *, force: bool) -> Remote | PublishFailure:
        """Write the page anew where it stands, unless a person changed it or removed it."""
        return self._change(article, remote.remote_id, "update", "" if force else remote.fingerprint)

    def withdraw(self, remote: Remote) -> Remote | PublishFailure:
        """Remove the page and the images that it names; other files beside them stay. What was built of it goes, too."""
        place = self._place(remote.remote_id)
        try:
            with self._repository(writes=True) as repository:
                if repository is not None:
                    repository.sync()
                page = self.folder / place.page
                # Out of sight at once; it goes last of all, since it says which images go with it.
                aside = page.with_name(f".igny8.{page.name}.withdrawn")
                if page.exists():
                    page.replace(aside)
                marks = marks_of(aside)
                paths = [place.page, *(f"{place.images}/{name}" for name in marks.images)]
                remove_files(self.folder / place.images, marks.images)
                remove_files(page.parent, [aside.name])
                commit = ""
                if repository is not None and marks.key:
                    subject = f"Withdraw {PurePosixPath(place.permalink).name}"
                    commit = repository.commit(paths, subject, key=marks.key, action="withdraw")
                if failure := self._build_without(place, marks.images):
                    return failure
                return replace(self._remote(remote.remote_id, repository), version=commit)
        except OSError as error:
            return self._unwritten(error)
        except GitError as error:
            return PublishFailure(error.message, error.scope, hint=error.hint)

    def look(self, remotes: Sequence[Remote]) -> tuple[Remote, ...] | PublishFailure:
        """Return how each page stands in the folder now, after fetching what the remote has."""
        try:
            with self._repository() as repository:
                if repository is not None:
                    repository.sync()
                return tuple(
                    replace(self._remote(remote.remote_id, repository), version=remote.version) for remote in remotes
                )
        except OSError as error:
            return PublishFailure(f"cannot read {self.folder}: {error.strerror}", "try-again")
        except GitError as error:
            return PublishFailure(error.message, error.scope, hint=error.hint)

    def close(self) -> None:
        """Nothing is held open."""

    # Where things stand

    @property
    def _generator(self) -> Generator:
        return find_generator(self.settings.generator)

    @property
    def _articles(self) -> str:
        return self.settings.articles or self._generator.articles

    @property
    def _permalink(self) -> str:
        return self.settings.permalink or self._generator.permalink

    @property
    def _who(self) -> str:
        git = self.settings.git
        return f"the folder {self.folder}" + (f", committed as {git.author}" if git else "")

    def _place(self, page: str) -> Place:
        permalink = self._permalink.format(slug=self._generator.slug_of(page))
        images = str(PurePosixPath(page).parent) if self._generator.images_beside else permalink.strip("/")
        return Place(page, images, permalink)

    def _page_path(self, slug: str, at: datetime) -> str:
        return f"{self._articles}/{self._generator.page_path(slug, at)}"

    def _find(self, article: Article, known: Remote | None) -> str | PublishFailure:
        """Return the article's page: where it is known to stand or its key stands, else where it may stand."""
        if known is not None and marks_of(self.folder / known.remote_id).key == article.key:
            return known.remote_id
        articles = self.folder / self._articles
        for pattern in self._generator.rivals(article.slug):
            for rival in articles.glob(pattern):
                place = rival.relative_to(self.folder).as_posix()
                if self._generator.slug_of(place) != article.slug and rival.stem != article.slug:
                    continue
                if marks_of(rival).key != article.key:
                    return PublishFailure(f"{place} belongs to another article", hint="change the slug, or remove it")
                return place
        if known is None:
            # Nothing is known of an article whose first try died early; its slug may have changed since.
            for page in articles.glob(self._generator.pages):
                if marks_of(page).key == article.key:
                    return page.relative_to(self.folder).as_posix()
        return self._page_path(article.slug, article.publish_at)

    def _remote(self, page: str, repository: Repository | None) -> Remote:
        place = self._place(page)
        url = self.site_url.rstrip("/") + quote(place.permalink)
        file = self.folder / page
        if not file.exists() or (repository is not None and not repository.has(page)):
            return Remote(page, url, "missing")
        return Remote(page, url, "public", fingerprint=fingerprint(file, self.folder / place.images))

    # Changing the folder

    def _change(self, article: Article, page: str, action: str, expected: str = "") -> Remote | PublishFailure:
        place = self._place(page)
        try:
            with self._repository(writes=True) as repository:
                if repository is not None and (action != "publish" or self._prepared != article.key):
                    repository.sync()
                self._prepared = ""
                files = self._files(article, place)
                now = self._remote(page, repository)
                refusal = self._why_not(article, now, action, expected, files, repository)
                if refusal is not None:
                    return refusal
                if action == "publish" and now.state == "public" and (repository or not self._is_same(page, files)):
                    # Of what we would write, so that a person's change, or a text from before an edit, is seen by a sync.
                    return replace(now, fingerprint=_fingerprint_of(page, files))
                return self._write(article, place, files, action, repository)
        except OSError as error:
            return self._unwritten(error)
        except GitError as error:
            return PublishFailure(error.message, error.scope, hint=error.hint)

    def _why_not(
        self, article: Article, now: Remote, action: str, expected: str, files: Mapping[str, bytes],
        repository: Repository | None,
    ) -> PublishFailure | None:  # fmt: skip
        """Return why a person's work stands in the way of ours, or None."""
        page = now.remote_id
        if action == "publish":
            if (self.folder / page).exists() and marks_of(self.folder / page).key != article.key:
                return PublishFailure(f"{page} belongs to another article", hint="change the slug, or remove it")
            done = repository.last_action(article.key) if repository and now.state == "missing" else ""
            if done in ("publish", "update"):
                return PublishFailure(
                    f"{page} was published, and somebody removed it since", hint="archive the article"
                )
        elif expected and now.state == "missing":
            return _by_hand(f"{page} was removed by hand since we wrote it", "--force writes it anew")
        elif expected and now.fingerprint != expected and not self._is_our_own_half(page, expected, files):
            return _by_hand(f"{page} was changed by hand since we wrote it", "--force overwrites the change")
        return None

    def _is_our_own_half(self, page: str, expected: str, files: Mapping[str, bytes]) -> bool:
        """Tell whether the article stands as it was or as it shall be, file by file: an update that died leaves that."""
        data = (self.folder / page).read_bytes()
        if data == files[page]:
            return True
        folder = self.folder / self._place(page).images
        new = {PurePosixPath(name).name: hashlib.sha256(ours).hexdigest() for name, ours in files.items()}
        was = {
            name: old if digest_of(folder / name) == new.get(name) else digest_of(folder / name)
            for name, old in marks_of(self.folder / page).images.items()
        }
        return fingerprint_of(data, was) == expected

    def _files(self, article: Article, place: Place) -> dict[str, bytes]:
        """Return the article's files by their path from the folder, the page last."""
        files = {f"{place.images}/{image.file_name}": Path(image.path).read_bytes() for image in article.images}
        return files | {place.page: self._generator.page(article, place).encode()}

    def _is_same(self, page: str, files: Mapping[str, bytes]) -> bool:
        return (self.folder / page).read_bytes() == files[page]

    def _write(
        self, article: Article, place: Place, files: Mapping[str, bytes], action: str, repository: Repository | None
    ) -> Remote | PublishFailure:
        before = {name: self._bytes_before(name, data, action) for name, data in files.items()}
        dropped = [name for name in marks_of(self.folder / place.page).images if f"{place.images}/{name}" not in files]
        starter = self._start_site(article)
        self._write_files(files)
        if marks_of(self.folder / place.page).key != article.key:
            return PublishFailure(f"{place.page} does not read back as written", "try-again")
        if failure := self._verify(place, article):
            for name, old in before.items():
                self._put_back(name, old)
            return failure
        remove_files(self.folder / place.images, dropped)
        version = ""
        if repository is not None:
            paths = [*starter, *files, *(f"{place.images}/{name}" for name in dropped)]
            subject = f"{action.capitalize()} “{' '.join(article.title.split())[:60]}”"
            version = repository.commit(paths, subject, key=article.key, action=action)
        return replace(self._remote(place.page, repository), version=version)

    def _write_files(self, files: Mapping[str, bytes]) -> None:
        for folder in {(self.folder / name).parent for name in files}:
            remove_leftovers(folder)
        for name, data in files.items():
            write_file(self.folder / name, data)

    def _bytes_before(self, name: str, data: bytes, action: str) -> bytes | None:
        """Return what a failed build puts back; what a try that died left of this publishing is nothing to go back to."""
        old = (self.folder / name).read_bytes() if (self.folder / name).is_file() else None
        return None if action == "publish" and old == data else old

    def _put_back(self, name: str, old: bytes | None) -> None:
        path = self.folder / name
        if old is None:
            remove_files(path.parent, [path.name])
        else:
            write_file(path, old)

    def _verify(self, place: Place, article: Article) -> PublishFailure | None:
        build = self.settings.build
        if build is None:
            return None
        output = build.output or self._generator.output
        page = f"{output}{place.permalink}index.html"
        return verify_build(self.folder, build, page, title=article.title, canonical=article.canonical_url)

    def _build_without(self, place: Place, images: Iterable[str]) -> PublishFailure | None:
        """Remove what was built of a page that is gone, which not every builder does, and build the pages that named it."""
        build = self.settings.build
        if build is None:
            return None
        output = self.folder / (build.output or self._generator.output)
        remove_files(output / place.permalink.strip("/"), ["index.html", *images])
        done = build_site(self.folder, build)
        return done if isinstance(done, PublishFailure) else None

    def _start_site(self, article: Article) -> list[str]:
        """Make a folder without a site into a small working one; return the starter's files that stand there as made."""
        files = dict(self._generator.starter(self.site_url, article.site_title, article.language))
        if not self._has_config():
            # The config is written last: it is the sign that the others are there.
            names = sorted(files, key=lambda name: name in self._generator.config_names)
            self._write_files({name: files[name].encode() for name in names if not (self.folder / name).exists()})
        if self.settings.git is None:
            return []
        paths = [(name, self.folder / name) for name in files]
        return [name for name, path in paths if path.is_file() and path.read_bytes() == files[name].encode()]

    def _has_config(self) -> bool:
        return any((self.folder / name).exists() for name in self._generator.config_names)

    # The repository

    @contextmanager
    def _repository(self, *, writes: bool = False) -> Iterator[Repository | None]:
        """Hold the folder where something may change, and yield its repository, or None where there is none."""
        if self.settings.git is None and not writes:
            yield None
            return
        with hold_folder(self.folder) as lock:
            if self.settings.git is None:
                yield None
                return
            own = (self._articles, self._permalink.strip("/").partition("/")[0])
            yield Repository(self.folder, self.settings.git, self.git_token, own, lock)

    def _check_git(self, repository: Repository, warnings: list[str]) -> list[str]:
        repository.sync()
        repository.try_push()
        if count := repository.unpushed():
            warnings.append(f"{count} commits of {repository.branch()} are not pushed; we do not push them for you")
        what = "push to" if repository.settings.push else "commit to"
        return [f"{what} {repository.branch()}"]

    def _own_program(self, name: str) -> str:
        path = self.folder / name
        return str(path) if "/" in name and os.access(path, os.X_OK) else ""

    def _unwritten(self, error: OSError) -> PublishFailure:
        if isinstance(error, BlockingIOError):
            return PublishFailure(f"another igny8 is at work in {self.folder}", "try-again")
        return PublishFailure(f"cannot write {error.filename or self.folder}: {error.strerror}", "try-again")


def _fingerprint_of(page: str, files: Mapping[str, bytes]) -> str:
    """Return the fingerprint that an article's files have once they are written."""
    images = {
        PurePosixPath(name).name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != page
    }
    return fingerprint_of(files[page], images)


def _by_hand(message: str, hint: str) -> PublishFailure:
    return PublishFailure(message, "changed-by-hand", hint=hint)
