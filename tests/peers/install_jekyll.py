"""Installs Jekyll for the tests into a folder of its own, from the packages of Debian or Ubuntu, without being root.

`install_jekyll.py FOLDER` ends with an executable FOLDER/jekyll. A `jekyll` on the PATH is taken as it is. Where there is
neither, it says what to install, and the tests of Jekyll fail with the same words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "jekyll"
ADVICE = (
    "Jekyll 4 is missing: install it so that `jekyll` is on the PATH, remove .venv/.installed-dev, and run make again"
)


def main(folder: Path) -> None:
    if (folder / "jekyll").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if found := shutil.which("jekyll"):
        script(folder, [f'exec "{found}" "$@"'])
    elif shutil.which("apt-get") and shutil.which("dpkg-deb"):
        root = folder / "root"
        for archive in download(folder / "apt"):
            subprocess.run(("dpkg-deb", "--extract", archive, root), check=True)
        shutil.rmtree(folder / "apt")
        script(folder, launch(root))
    else:
        sys.stderr.write(f"{ADVICE}\n")


def download(apt: Path) -> list[Path]:
    """Return the archives of Jekyll and of what it needs and this machine lacks; apt's own folders are left alone."""
    (apt / "archives/partial").mkdir(parents=True)
    (apt / "lists/partial").mkdir(parents=True)
    command = ["apt-get", "--quiet", "--yes", "--option", f"Dir::Cache={apt}", "--option", "Debug::NoLocking=1"]
    install = ["install", "--no-install-recommends", "--download-only", PACKAGE]
    if run([*command, *install]) != 0:
        own = [*command, "--option", f"Dir::State::lists={apt}/lists", "--option", "APT::Sandbox::User=root"]
        run([*own, "update"])
        if run([*own, *install]) != 0:
            sys.exit(f"apt-get could not download the package {PACKAGE}; {ADVICE}")
    return sorted((apt / "archives").glob("*.deb"))


def run(command: list[str]) -> int:
    return subprocess.run(command, stdout=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C"}, check=False).returncode


def launch(root: Path) -> list[str]:
    """Return a script that runs Jekyll below a root that is not the machine's."""
    libraries = sorted({path.parent for path in root.glob("usr/lib/*/*.so*")})
    ruby = [*root.glob("usr/lib/ruby/vendor_ruby"), *root.glob("usr/lib/ruby/[0-9]*"), *root.glob("usr/lib/*/ruby/[0-9]*"),
            *root.glob("usr/lib/*/ruby/vendor_ruby/[0-9]*"), *root.glob("usr/lib/ruby/vendor_ruby/[0-9]*")]  # fmt: skip
    gems = [path.parent for path in root.rglob("specifications") if path.is_dir()]
    for system in ("share", "lib/*"):
        gems += [path.parent for path in Path("/usr").glob(f"{system}/rubygems-integration/*/specifications")]
    for native in root.glob("usr/share/rubygems-integration/all/gems/sassc-*/lib/sassc/native.rb"):
        # The one library that Debian names by its absolute path.
        native.write_text(native.read_text().replace('"/usr/lib/', f'"{root}/usr/lib/'))
    program = root / "usr/bin/ruby"
    return [
        f'export LD_LIBRARY_PATH="{joined(libraries)}" RUBYLIB="{joined(ruby)}" GEM_PATH="{joined(gems)}"',
        f'exec "{program if program.exists() else "ruby"}" "{root}/usr/bin/jekyll" "$@"',
    ]


def joined(paths: list[Path]) -> str:
    return ":".join(str(path) for path in paths)


def script(folder: Path, lines: list[str]) -> None:
    """Write the launcher, last of all: it is the sign that the rest is there."""
    draft = folder / "jekyll.new"
    draft.write_text("\n".join(("#!/bin/sh", *lines, "")))
    draft.chmod(0o755)
    draft.rename(folder / "jekyll")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
