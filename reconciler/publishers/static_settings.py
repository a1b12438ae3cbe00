"""The settings of the static publisher: a folder, its generator, and, if wished, a git repository and a build."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import Duration, SecretRef, Spec, Text

_REMOTE_URL = re.compile(r"[\w+.-]+://|[\w.-]+@[\w.-]+:|/|\./|\.\./")
_USER_INFO = re.compile(r"\w+://[^/\s]*:[^/\s]*@")
_BRANCH = re.compile(r"(?![-./])(?!.*(\.\.|//|@\{|\.lock$|[./]$))[^\s~^:?*\[\\\x00-\x1f\x7f]+")


def _check_path(text: str) -> str:
    if not text or text.startswith(("/", "~")) or ".." in text.split("/"):
        raise PydanticCustomError("static_path", "the folder is given from the config root, and stays inside it", {})
    return text


def _check_inner_path(text: str) -> str:
    if not text or text.startswith(("/", "~", "-")) or ".." in text.split("/"):
        raise PydanticCustomError("static_path", "the folder is given from the site's folder, and stays inside it", {})
    return text


def _check_permalink(text: str) -> str:
    if not re.fullmatch(r"/([\w.-]+/)*\{slug\}/", text) or ".." in text.split("/"):
        raise PydanticCustomError("permalink", "an address begins with / and ends with /{{slug}}/", {})
    return text


def _check_remote(text: str) -> str:
    if _USER_INFO.match(text):
        raise PydanticCustomError("git_remote", "a password does not belong here; refer to it with git_token", {})
    if text.startswith("-") or re.search(r"\s", text) or "::" in text:
        raise PydanticCustomError("git_remote", "not the name or the address of a git remote", {})
    return text


def _check_branch(text: str) -> str:
    if not _BRANCH.fullmatch(text):
        raise PydanticCustomError("git_branch", "not the name of a git branch", {})
    return text


def _check_author(text: str) -> str:
    if not re.fullmatch(r"[^<>\n]*[^<>\s] <[^<>\s]+@[^<>\s]+>", text):
        raise PydanticCustomError("git_author", "an author is written as NAME <EMAIL>", {})
    return text


InnerPath = Annotated[str, AfterValidator(_check_inner_path)]


class GitSettings(Spec):
    """The repository that articles are committed to: the one that the folder lies in, or a clone of an address."""

    remote: Annotated[Text, AfterValidator(_check_remote)] = "origin"
    branch: Annotated[str, AfterValidator(_check_branch)] | None = None
    push: bool = True
    author: Annotated[str, AfterValidator(_check_author)] = "igny8 <igny8@localhost>"
    timeout: Duration = "2m"

    @property
    def is_kept_clone(self) -> bool:
        """Tell whether the folder is a clone that we make and keep, rather than somebody's work tree."""
        return bool(_REMOTE_URL.match(self.remote))


class BuildSettings(Spec):
    """A command that builds the site, run in its folder without a shell; `output` is where it builds to."""

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    timeout: Duration = "5m"
    output: InnerPath | None = None


class StaticSettings(Spec):
    """A folder below the config root, and the generator that builds it."""

    path: Annotated[str, AfterValidator(_check_path)]
    generator: Literal["hugo", "jekyll", "eleventy", "astro"] = "hugo"
    articles: InnerPath | None = None
    permalink: Annotated[str, AfterValidator(_check_permalink)] | None = None
    git: GitSettings | None = None
    git_token: SecretRef | None = None
    build: BuildSettings | None = None


DECLARATION = PublisherDeclaration("static", StaticSettings, carries_canonical=True)
