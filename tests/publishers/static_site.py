"""What tests of the static publisher share: an article, its pictures, a site's folder, and a git remote."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from reconciler.publishers.port import Article, ArticleImage, Publisher, PublishFailure, Remote, RemoteMedia
from reconciler.publishers.static import make

ARTICLE = Article(
    key="key-1", site="blog", site_title="The Blog", language="en", title='Say "hi": a \\ guide', slug="say-hi",
    excerpt="short", meta_title="Meta", meta_description="Described", markdown="Intro text.\n\n## First part\n\nBody.\n",
    html="<p>Intro text.</p>", tags=("1.10", "yes"), author="Ann", publish_at=datetime(2026, 11, 18, 14, tzinfo=UTC),
)  # fmt: skip


class EmptyNotebook:
    """Knows nothing and keeps nothing: a folder holds its images itself."""

    is_blank = True

    def media(self, sha256: str) -> RemoteMedia | None:
        return None

    def keep_media(self, *media: RemoteMedia) -> None:
        raise AssertionError("a folder has no media apart from its pages")


NOTEBOOK = EmptyNotebook()


def with_images(folder: Path, article: Article = ARTICLE, *, colour: str = "teal") -> Article:
    """Return the article with a featured image and one after its first heading."""
    images = []
    for number, (role, alt, caption, heading) in enumerate(
        (("featured", "a featured image", "Featured", ""), ("in_article", "an [odd] alt", 'A "caption"', "First part"))
    ):
        path = folder / f"{colour}-{number}.png"
        Image.new("RGB", (64, 48), colour).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        name = f"{article.slug[:60]}-{number + 1}.png"
        images.append(ArticleImage(str(path), digest, name, "image/png", role, alt, caption, heading))
    return replace(article, images=tuple(images))


@dataclass
class Site:
    """A config root with one site's folder in it, `out/blog`, and the publisher of that folder."""

    root: Path
    settings: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / "out/blog"

    @property
    def publisher(self) -> Publisher:
        return make({"path": "out/blog"} | self.settings, "https://blog.example", self.root, self.secrets)

    def publish(self, article: Article = ARTICLE, known: Remote | None = None) -> Remote | PublishFailure:
        """Prepare and publish, as the program does."""
        publisher = self.publisher
        found = publisher.prepare(article, NOTEBOOK, known)
        return publisher.publish(article, found, NOTEBOOK) if isinstance(found, Remote) else found

    def update(self, article: Article, remote: Remote, *, force: bool = False) -> Remote | PublishFailure:
        return self.publisher.update(article, remote, NOTEBOOK, force=force)

    def page(self, slug: str = "say-hi") -> Path:
        """Return where Hugo's page stands."""
        return self.folder / f"content/posts/{slug}/index.md"


def git(folder: Path, *words: str, text: str | None = None) -> str:
    """Run git as a person of the tests would, and return what it says."""
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
           for part, value in (("NAME", "Pat"), ("EMAIL", "pat@blog.example"))}  # fmt: skip
    done = subprocess.run(
        ("git", "-C", folder, "-c", "init.defaultBranch=main", *words), capture_output=True, text=True, check=False,
        env=os.environ | who, input=text,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def new_remote(folder: Path, *, files: dict[str, str] | None = None) -> Path:
    """Make a bare repository, with a first commit if it shall have files."""
    bare = folder / "remote.git"
    git(folder, "init", "--quiet", "--bare", str(bare))
    if files:
        change_at(bare, files, "Begin")
    return bare


def change_at(bare: Path, files: dict[str, str | None], subject: str) -> None:
    """Commit and push as a colleague does: from a clone of their own."""
    clone = bare.parent / "colleague"
    if not clone.exists():
        git(bare.parent, "clone", "--quiet", str(bare), str(clone))
    else:
        git(clone, "pull", "--quiet", "--ff-only", "origin", "main")
    for name, content in files.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            (clone / name).unlink()
        else:
            (clone / name).write_text(content)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", subject)
    git(clone, "push", "--quiet", "origin", "HEAD:main")


def subjects(bare: Path) -> list[str]:
    """Return the subjects of the remote's commits, the oldest first."""
    return git(bare, "log", "--reverse", "--format=%s", "main").splitlines()


def keys(bare: Path) -> list[str]:
    """Return the article keys of the remote's commits, the oldest first."""
    found = git(bare, "log", "--reverse", "--format=%(trailers:key=Igny8-Key,valueonly,separator=)", "main")
    return [line for line in found.splitlines() if line]


def hook(repository: Path, name: str, script: str) -> None:
    """Give a repository a hook of git's."""
    folder = repository / "hooks" if (repository / "hooks").is_dir() else repository / ".git/hooks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
