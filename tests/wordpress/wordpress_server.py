"""A real WordPress for the tests: Debian's package, a private MariaDB, PHP's built-in server, all on loopback.

The installation is made once and kept (in the virtual environment, or where IGNY8_TEST_CACHE says). A test run has one
server of its own, which its workers share: the first of them starts `python wordpress_server.py RUN CACHE PID...`, which ends with
the run. Each test gets a WordPress of its own in it: a copy of the tables under another prefix.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PACKAGE = Path("/usr/share/wordpress")
SITE = Path(__file__).with_name("site")
TO_INSTALL = "apt-get install wordpress php-cli php-mysql php-gd mariadb-server (`make wordpress` does it, as root)"
_DATABASE_OPTIONS = (
    "--no-defaults", "--skip-networking", "--skip-log-bin", "--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--innodb-flush-method=nosync", "--skip-grant-tables",
)  # fmt: skip


class MissingError(Exception):
    """A program that the tests need is not installed."""


def cache_folder() -> Path:
    """Return where the installation is kept."""
    return Path(os.environ.get("IGNY8_TEST_CACHE") or sys.prefix) / "wordpress"


def find_programs() -> dict[str, str]:
    """Return the programs by name; MissingError says what to install."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    found = {name: shutil.which(name, path=path) for name in ("php", "mariadbd", "mariadb-install-db")}
    missing = [name for name, program in found.items() if program is None]
    missing += [] if (PACKAGE / "wp-load.php").exists() else [str(PACKAGE)]
    if not missing:
        modules = subprocess.run([str(found["php"]), "-m"], capture_output=True, text=True, check=True).stdout.split()
        missing += [f"PHP's module {name}" for name in ("mysqli", "gd", "posix") if name not in modules]
    if missing:
        raise MissingError(f"the WordPress tests need {', '.join(missing)}: {TO_INSTALL}")
    return {name: str(program) for name, program in found.items()}


def install(cache: Path) -> None:
    """Make the installation unless it is there; whoever else wants it waits."""
    programs = find_programs()
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (cache / "made.json").exists() and json.loads((cache / "made.json").read_text())["stamp"] == _stamp():
            return
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(PACKAGE, cache / "root", ignore=shutil.ignore_patterns("wp-content", ".htaccess"))
        content = cache / "root/wp-content"
        (content / "uploads").mkdir(parents=True)
        shutil.copy(SITE / "wp-config.php", cache / "root/wp-config.php")
        shutil.copytree(SITE / "theme", content / "themes/plain")
        (content / "mu-plugins").mkdir()
        shutil.copy(SITE / "faults.php", content / "mu-plugins/faults.php")
        owner = ["--user=root"] if os.getuid() == 0 else []
        _check([programs["mariadb-install-db"], "--no-defaults", f"--datadir={cache / 'data'}", "--skip-test-db",
                "--auth-root-authentication-method=normal", *owner])  # fmt: skip
        run = Path("/tmp") / f"igny8-wp-install-{os.getpid()}"
        run.mkdir()
        database = _start_database(programs, cache / "data", run)
        try:
            environment = os.environ | {"IGNY8_WORDPRESS_RUN": str(run)}
            done = _check([programs["php"], str(SITE / "install.php"), str(cache / "root")], env=environment)
        finally:
            database.terminate()
            database.wait()
            shutil.rmtree(run)
        made = json.loads(done[done.index("{") :])
        (cache / "made.json").write_text(json.dumps({"stamp": _stamp(), **made}))


def _stamp() -> str:
    """Return what an installation depends on: WordPress's version, and our files."""
    texts = [(PACKAGE / "wp-includes/version.php").read_text(), Path(__file__).read_text()]
    texts += [path.read_text() for path in sorted(SITE.rglob("*")) if path.is_file() and path.name != "router.php"]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _check(command: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _dies_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _start_database(programs: dict[str, str], data: Path, run: Path) -> subprocess.Popen[bytes]:
    """Start MariaDB and return when it answers."""
    owner = ["--user=root"] if os.getuid() == 0 else []
    command = [programs["mariadbd"], *_DATABASE_OPTIONS, *owner, f"--datadir={data}", f"--socket={run / 'db.sock'}",
               f"--pid-file={run / 'db.pid'}"]  # fmt: skip
    with (run / "db.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_dies_with_parent)
    wanted = b"CREATE DATABASE IF NOT EXISTS wordpress"
    code = "$d = @new mysqli(null, 'root', '', '', 0, $argv[1]); $d->query($argv[2]);"
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"MariaDB ended: {(run / 'db.log').read_text()[-2000:]}")
        if (run / "db.sock").exists():
            tried = subprocess.run([programs["php"], "-r", code, str(run / "db.sock"), wanted], capture_output=True)
            if tried.returncode == 0:
                return process
        time.sleep(0.1)
    raise RuntimeError(f"MariaDB does not start: {(run / 'db.log').read_text()[-2000:]}")


def serve(run: Path, cache: Path, watched: list[int]) -> None:
    """Serve until every watched process has ended; RUN/ready.json says where."""
    try:
        install(cache)
        programs = find_programs()
        shutil.copytree(cache / "data", run / "data")
        shutil.copytree(cache / "root", run / "root", copy_function=_link)
        database = _start_database(programs, run / "data", run)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {"IGNY8_WORDPRESS_RUN": str(run), "PHP_CLI_SERVER_WORKERS": "6"}
        settings = ["-d", "upload_max_filesize=8M", "-d", "post_max_size=8M", "-d", "display_errors=0"]
        with (run / "php.log").open("wb") as log:
            php = subprocess.Popen(
                [programs["php"], *settings, "-S", f"127.0.0.1:{port}", "-t", str(run / "root"), str(SITE / "router.php")],
                stdout=log, stderr=log, env=environment, preexec_fn=_dies_with_parent, start_new_session=True,
            )  # fmt: skip
        _wait_for_port(port, php, run)
    except Exception as error:
        _write(run / "ready.json", {"error": f"{error}"})
        raise
    made = json.loads((cache / "made.json").read_text())
    _write(run / "ready.json", {"port": port, "passwords": made["passwords"], "version": made["version"]})
    while any(_lives(pid) for pid in watched):
        time.sleep(0.5)
    os.killpg(php.pid, signal.SIGTERM)
    database.kill()
    php.wait()
    database.wait()
    shutil.rmtree(run, ignore_errors=True)


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where that can't be: WordPress only reads its own files."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _wait_for_port(port: int, php: subprocess.Popen[bytes], run: Path) -> None:
    for _ in range(600):
        if php.poll() is not None:
            raise RuntimeError(f"PHP's server ended: {(run / 'php.log').read_text()[-2000:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("PHP's server does not answer")


def _write(path: Path, value: object) -> None:
    path.with_suffix(".new").write_text(json.dumps(value))
    path.with_suffix(".new").rename(path)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def start(run: Path, watched: int) -> dict[str, object]:
    """Return where this run's server is, starting it if no other worker has."""
    run.parent.mkdir(parents=True, exist_ok=True)
    with run.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run.exists():
            run.mkdir()
            with (run / "server.log").open("wb") as log:
                subprocess.Popen(
                    [sys.executable, __file__, str(run), str(cache_folder()), str(watched)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
        for _ in range(1800):
            if (run / "ready.json").exists():
                return dict(json.loads((run / "ready.json").read_text()))
            time.sleep(0.1)
    raise RuntimeError(f"no WordPress after three minutes; see {run}")


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), [int(pid) for pid in sys.argv[3:]])
