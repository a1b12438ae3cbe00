"""Commits the files of articles to a git repository and pushes them, each article's commit once.

A commit is made beside the work tree: from the tip of the branch at the remote, an index of its own and the files, by
git's plumbing. So nothing that dies in the middle leaves more than loose objects, a work tree that people use is never
rebased under them, and what they have not pushed is not pushed for them. A push that is refused because somebody was
faster is made anew on the new tip. Nothing is ever forced. The trailers `Igny8-Key` and `Igny8-Action` say what a commit
did with which article; they are looked for before a commit is made.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.clock import parse_duration_seconds
from reconciler.publishers.port import FailureScope
from reconciler.publishers.processes import Finished, run_program
from reconciler.publishers.static_settings import GitSettings

_PUSHES_MAX = 5
_KEPT = "igny8.kept"
_SOMEBODY_WAS_FASTER = ("[rejected]", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref")
_NOT_ALLOWED = (
    "Authentication failed", "Permission denied", "could not read Username", "terminal prompts disabled", "returned error: 403", "returned error: 401",
    "not found", "does not appear to be a git repository", "access denied", "hook declined", "protected branch",
    "Host key verification failed", "dubious ownership",
)  # fmt: skip


class GitError(Exception):
    """Git could not do what an article needed: what it said, whom that stops, and what to do."""

    def __init__(self, message: str, scope: FailureScope = "try-again", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.scope, self.hint = message, scope, hint


@dataclass(slots=True)
class Repository:
    """The git repository of a site's folder. The caller holds the folder's lock."""

    folder: Path
    settings: GitSettings
    token: str = ""
    # What `git clean` may remove in a clone of ours: where articles and their images stand.
    own_folders: Sequence[str] = ()
    # The folder's lock, held open by each git that we start: one that outlives us keeps the next of us out.
    lock: int = -1
    _branch: str = field(default="", init=False)
    _tip: str | None = field(default=None, init=False)

    def _existing(self) -> Path:
        return next(path for path in (self.folder, *self.folder.parents) if path.is_dir())

    # Reading

    def sync(self) -> str:
        """Fetch what the remote has, bring the work tree up to it where nobody works in it; return the tip or ""."""
        if self.settings.is_kept_clone:
            self._keep_clone()
        elif (done := self._run("rev-parse", "--git-dir")).code != 0:
            hint = "clone the site's repository there, or give its address as publisher.git.remote"
            raise GitError(f"{self.folder} does not lie in a git repository: {done.tail(2)}", "site", hint)
        tip = self.fetch()
        if self.settings.is_kept_clone:
            self._set_clone_to(tip)
        elif tip:
            self._fast_forward(tip)
        return tip

    def fetch(self) -> str:
        """Return the branch's tip at the remote, fetched; without push, the local one; "" where there is none yet."""
        self._tip = None
        if not self.settings.push:
            return self.tip()
        branch, remote = self.branch(), self._remote_name()
        done = self._run("fetch", "--quiet", "--no-tags", remote, f"+refs/heads/{branch}:{self._tracking()}")
        if done.code != 0:
            if "couldn't find remote ref" in done.output:
                self._run("update-ref", "-d", self._tracking())
                return ""
            raise _failed("cannot fetch", done)
        return self.tip()

    def tip(self) -> str:
        """Return the tip that was fetched last, or "" where there is none."""
        if self._tip is None:
            self._tip = self._commit_at(self._tracking() if self.settings.push else "HEAD")
        return self._tip

    def branch(self) -> str:
        """Return the branch that articles go to: the declared one, else the one that is checked out."""
        self._branch = self._branch or self.settings.branch or self._checked_out()
        if not self._branch:
            raise GitError(f"no branch is checked out in {self.folder}", "site", "name one with publisher.git.branch")
        return self._branch

    def _checked_out(self) -> str:
        done = self._run("symbolic-ref", "--quiet", "--short", "HEAD")
        return done.output.strip() if done.code == 0 else ""

    def has(self, path: str) -> bool:
        """Tell whether the tip has this file, named from the site's folder."""
        tip = self.tip()
        return bool(tip) and self._run("cat-file", "-e", f"{tip}:./{path}").code == 0

    def last_action(self, key: str) -> str:
        """Return what the newest commit with the article's key did: publish, update, withdraw, or "" without one."""
        tip = self.tip()
        if not tip:
            return ""
        form = "%(trailers:key=Igny8-Key,valueonly,separator=%x2C)%x09%(trailers:key=Igny8-Action,valueonly,separator=%x2C)"
        found = self._say("log", "--fixed-strings", f"--grep=Igny8-Key: {key}", f"--format={form}", tip)
        lines = (line.split("\t") for line in found.splitlines())
        return next((line[1] for line in lines if line[0] == key and len(line) == 2), "")

    def changed_by(self, path: str) -> str:
        """Return the newest commit that touched a file, or ""."""
        tip = self.tip()
        return self._say("log", "-1", "--format=%H", tip, "--", path) if tip else ""

    def unpushed(self) -> int:
        """Return how many commits of the local branch the remote lacks; they are not ours to push."""
        tip = self.tip()
        if not tip or not self._commit_at("HEAD"):
            return 0
        return int(self._say("rev-list", "--count", f"{tip}..HEAD"))

    def try_push(self) -> None:
        """Ask the remote whether we may push, without changing it; GitError with the reason when not."""
        if self.settings.push and (tip := self.tip()):
            done = self._run("push", "--dry-run", "--quiet", self._remote_name(), f"{tip}:refs/heads/{self.branch()}")
            if done.code != 0:
                raise _failed("may not push", done)

    # Writing

    def commit(self, paths: Sequence[str], subject: str, *, key: str, action: str) -> str:
        """Commit these files of the site's folder as they are, or are not, on disk; return the commit.

        Files that the tip has with the same bytes make no commit. GitError when it cannot be done.
        """
        message = f"{subject}\n\nIgny8-Key: {key}\nIgny8-Action: {action}\n"
        for _ in range(_PUSHES_MAX):
            base = self.tip()
            new = self._commit_on(base, paths, message)
            if new and not self.settings.push and self._stage(paths).code != 0:
                raise GitError(f"the index of {self.folder} is locked, or cannot be written")
            if new is None or self._hand_over(new, base):
                self._tip = new or base
                self._settle(self._tip, paths)
                return self._tip
            if action == "publish" and self.last_action(key) in ("publish", "update"):
                return self.tip()
        raise GitError(f"others pushed to {self.branch()} faster than we could, {_PUSHES_MAX} times")

    def _commit_on(self, base: str, paths: Sequence[str], message: str) -> str | None:
        with self._scratch_index() as path:
            index = {"GIT_INDEX_FILE": str(path)}
            self._say("read-tree", base or "--empty", environment=index)
            if (done := self._stage(paths, index)).code != 0:
                raise _failed("cannot add the article's files", done)
            tree = self._say("write-tree", environment=index)
        if base and tree == self._say("rev-parse", f"{base}^{{tree}}"):
            return None
        parents = ("-p", base) if base else ()
        return self._say("commit-tree", tree, *parents, text=message, environment=self._identity())

    @contextmanager
    def _scratch_index(self) -> Iterator[Path]:
        """Yield where a new index may stand: always the same place, so that the next commit removes what one left that died."""
        name = f"igny8-index-{hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:16]}"
        index = (self._existing() / self._say("rev-parse", "--git-path", name)).absolute()
        files = (index, index.with_name(f"{name}.lock"))
        for file in files:
            file.unlink(missing_ok=True)
        try:
            yield index
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    def _stage(self, paths: Sequence[str], environment: Mapping[str, str] | None = None) -> Finished:
        """Bring an index to what stands on disk under these paths, or does not."""
        present = [path for path in paths if (self.folder / path).exists()]
        absent = [path for path in paths if path not in present]
        done = Finished(0, "")
        if present:
            done = self._run("--literal-pathspecs", "add", "--", *present, environment=environment)
        if absent and done.code == 0:
            remove = ("rm", "--cached", "--quiet", "--ignore-unmatch", "--", *absent)
            done = self._run("--literal-pathspecs", *remove, environment=environment)
        return done

    def _hand_over(self, new: str, base: str) -> bool:
        """Make a commit the branch's tip; False when somebody was faster, and the new tip has been fetched."""
        if not self.settings.push:
            self._tip = None
            return self._run("update-ref", "HEAD", new, base or "0" * len(new)).code == 0
        done = self._run("push", "--quiet", self._remote_name(), f"{new}:refs/heads/{self.branch()}")
        if done.code == 0:
            self._say("update-ref", self._tracking(), new)
            return True
        # Whatever it said: an answer that was lost on the way is found out by looking.
        if self.fetch() and self._run("merge-base", "--is-ancestor", new, self.tip()).code == 0:
            return True
        if any(word in done.output for word in _SOMEBODY_WAS_FASTER) and "hook declined" not in done.output:
            return False
        raise _failed("cannot push", done)

    def _settle(self, tip: str, paths: Sequence[str]) -> None:
        """Bring the checked-out branch along, if it only lags behind; what people did there stays as it is."""
        if self._checked_out() != self.branch():
            return
        head = self._commit_at("HEAD")
        if head and self._run("merge-base", "--is-ancestor", head, tip).code != 0:
            return
        # In the index first: a fast-forward refuses files that stand there untracked, even with the same bytes.
        self._stage(paths)
        self._run("merge", "--quiet", "--ff-only", tip)

    def _fast_forward(self, tip: str) -> None:
        """Move the checked-out branch forward to the tip where git sees no harm; else it is its owner's to merge."""
        if self._checked_out() == self.branch():
            self._run("merge", "--quiet", "--ff-only", tip)

    # A clone of ours

    def _keep_clone(self) -> None:
        if not (self.folder / ".git").exists():
            if any(self.folder.iterdir()):
                hint = "choose another publisher.path, or make the folder empty"
                raise GitError(f"{self.folder} has files already, so nothing can be cloned there", "site", hint)
            self._say("init", "--quiet")
        elif self._run("config", _KEPT).output.strip() == "true":
            if self._say("remote", "get-url", "origin") != self.settings.remote:
                self._say("remote", "set-url", "origin", self.settings.remote)
            return
        elif self._commit_at("HEAD") or self._say("remote") not in ("", "origin"):
            hint = "name its remote instead, as in `remote: origin`, or choose another publisher.path"
            raise GitError(f"{self.folder} is a repository that somebody else made", "site", hint)
        self._run("remote", "add", "origin", self.settings.remote)
        done = self._run("ls-remote", "--symref", self.settings.remote, "HEAD")
        if done.code != 0:
            raise _failed("cannot clone", done)
        words = done.output.split()
        head = words[1] if words[:1] == ["ref:"] else "refs/heads/main"
        self._say("symbolic-ref", "HEAD", head)
        # Written last: it is the sign that the others are there.
        self._say("config", _KEPT, "true")

    def _set_clone_to(self, tip: str) -> None:
        # The lock is ours, so whoever left a lock of git's behind is dead.
        for stale in (self.folder / ".git").rglob("*.lock"):
            stale.unlink(missing_ok=True)
        if tip:
            self._say("checkout", "--quiet", "--force", "-B", self.branch(), tip)
        else:
            self._say("symbolic-ref", "HEAD", f"refs/heads/{self.branch()}")
        folders = [folder for folder in self.own_folders if (self.folder / folder).is_dir()]
        if folders:
            self._say("clean", "-ffdq", "--", *folders)

    # Calling git

    def _remote_name(self) -> str:
        return "origin" if self.settings.is_kept_clone else self.settings.remote

    def _tracking(self) -> str:
        return f"refs/remotes/{self._remote_name()}/{self.branch()}"

    def _commit_at(self, name: str) -> str:
        done = self._run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return done.output.strip() if done.code == 0 else ""

    def _identity(self) -> Mapping[str, str]:
        name, _, email = self.settings.author.rpartition(" ")
        who = {"NAME": name, "EMAIL": email.strip("<>")}
        return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}

    def _say(
        self, *words: str, at: Path | None = None, environment: Mapping[str, str] | None = None, text: str = ""
    ) -> str:
        done = self._run(*words, at=at, environment=environment, text=text)
        if done.code != 0:
            raise _failed(f"git {words[0]} failed in {at or self.folder}", done)
        return done.output.strip()

    def _run(
        self, *words: str, at: Path | None = None, environment: Mapping[str, str] | None = None, text: str = ""
    ) -> Finished:
        own = {
            "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "GIT_EDITOR": "true", "GIT_PAGER": "cat",
        } | dict(environment or {})  # fmt: skip
        if "GIT_SSH_COMMAND" not in os.environ:
            own["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
        settings = [
            "gc.autoDetach=false",
            "maintenance.autoDetach=false",
            "core.quotePath=false",
            "advice.addIgnoredFile=false",
        ]
        options = [word for setting in settings for word in ("-c", setting)]
        if self.token:
            # By the environment: what stands on a command line is everybody's to read. And to nobody it points us to.
            options += ["-c", "http.followRedirects=false"]
            secret = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            own |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": f"Authorization: Basic {secret}"}
            own |= {"GIT_CONFIG_KEY_0": "http.extraHeader"}
        seconds = parse_duration_seconds(self.settings.timeout)
        keeps_open = (self.lock,) if self.lock >= 0 else ()
        try:
            done = run_program(
                ("git", *options, *words), at or self._existing(), seconds=seconds, environment=own, text=text,
                keeps_open=keeps_open,
            )  # fmt: skip
        except FileNotFoundError:
            raise GitError("there is no program git", "site", "install git") from None
        if done.timed_out:
            verb = next(word for word in words if not word.startswith("-"))
            raise GitError(f"git {verb} was not done after {self.settings.timeout}")
        return done


def _failed(what: str, done: Finished) -> GitError:
    said = done.tail(4)
    scope: FailureScope = "site" if any(word in done.output for word in _NOT_ALLOWED) else "try-again"
    return GitError(f"{what}: {said}", scope)
