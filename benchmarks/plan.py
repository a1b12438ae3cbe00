"""Plans and applies a root of many sites on SQLite and PostgreSQL; beside octodns-sync and a raw bulk insert.

Run: python benchmarks/plan.py [--sites 10000] [--applies 50] [--postgres postgresql://postgres@127.0.0.1/postgres]

Every figure is the wall time of a whole command in a process of its own, unless it says otherwise.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from generated_root import write_root

from reconciler.store.engine import connect, open_database
from reconciler.store.tables import resource

OWN = Path(__file__).parent.parent
RECORDS_A_ZONE = 50
_MEASURED = "import resource,sys;from cli.main import run;code=run(sys.argv[1:]);"
_MEASURED += "sys.stderr.write(f'\\npeak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}');sys.exit(code)"


def timed(command: Sequence[str], by_cpu: bool) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command; return its wall seconds, or the CPU seconds of its process."""
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu if by_cpu else wall, done


@dataclass
class Bench:
    """A root and a database, and the commands on them."""

    root: Path
    url: str
    by_cpu: bool
    peak_mib: float = 0

    def run(self, *words: str, expect: Sequence[int] = (0,)) -> tuple[float, str]:
        """Run a command; return its seconds and what it said."""
        command = (sys.executable, "-c", _MEASURED, "-C", str(self.root), "--db", self.url, *words)
        seconds, done = timed(command, self.by_cpu)
        assert done.returncode in expect, done.stderr[-2000:]
        self.peak_mib = max(self.peak_mib, int(done.stderr.rsplit("peak ", 1)[1]) / 1024)
        return seconds, done.stdout

    def best(self, *words: str, times: int = 3) -> float:
        return min(self.run(*words)[0] for _ in range(times))

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        text = file.read_text()
        assert old in text, (path, old)
        file.write_text(text.replace(old, new, 1))
        time.sleep(0.01)


def main() -> None:
    """Print figures and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=10_000)
    parser.add_argument(
        "--applies", type=int, default=50, help="in one process; for history and blame, too; 0 leaves them out"
    )
    parser.add_argument(
        "--cpu", action="store_true", help="count CPU seconds of our process: for a machine that is busy"
    )
    parser.add_argument("--postgres", default="postgresql://postgres@127.0.0.1:5432/postgres")
    options = parser.parse_args()
    for package in ("reconciler", "cli"):  # as an installed igny8 has it; a checkout may be without bytecode
        compileall.compile_dir(OWN / package, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        root = Path(folder) / "root"
        write_root(root, options.sites)
        peer = octodns(Path(folder) / "octodns", options.sites, options.cpu)
        print(f"octodns-sync, {options.sites} records, nothing to do: {peer:.2f} s")
        _report(
            "SQLite", Bench(root, f"sqlite:///{folder}/state.db", options.cpu), options.sites, options.applies, peer
        )
        shutil.rmtree(root)
        write_root(root, options.sites)
        url, drop = _new_postgres(options.postgres)
        try:
            _report("PostgreSQL", Bench(root, url, options.cpu), options.sites, options.applies, peer)
        finally:
            drop()


def _report(name: str, bench: Bench, sites: int, applies: int, peer: float) -> None:
    print(f"== {name}, {sites} sites")
    open_database(bench.url, upgrade=True).close()
    bench.run("validate")
    time.sleep(2.1)  # a file is known by its times only when they are older than a clock's tick
    bench.run("validate")
    planned, _ = bench.run("plan", "--json")
    applied, _ = bench.run("apply", "--yes")
    raw = _raw_insert(bench.url)
    limit = 2 * (raw + planned)
    print(f"apply of {sites} creates: {applied:.2f} s; raw insert of the rows: {raw:.2f} s, the plan: {planned:.2f} s, "
          f"ratio={applied / (raw + planned):.2f} (at most 2: {limit:.2f} s)")  # fmt: skip
    warm = bench.best("plan")
    shutil.rmtree(bench.root / ".igny8/cache")
    cold, _ = bench.run("plan")
    time.sleep(2.1)
    bench.run("validate")
    print(
        f"no-op plan: warm={warm:.2f} s, cold={cold:.2f} s; octodns-sync/warm={peer / warm:.1f}x, /cold={peer / cold:.1f}x"
    )
    bench.edit("models.yaml", 'cost_per_1k_input: "0.00125"', 'cost_per_1k_input: "0.00135"')
    price, told = bench.run("plan", "--json")
    touched = len(json.loads(told)["changes"])
    print(f"plan after a model's price changed for {sites} sites ({touched} change): {price:.2f} s")
    bench.run("apply", "--yes")
    bench.edit("sites/account-0001/site-00001.yaml", 'time: "03:00"', 'time: "04:00"')
    bench.run("validate")
    both = bench.run("plan")[0]
    both += bench.run("apply", "--yes")[0]
    single = _one_site_change(bench)
    print(
        f"one site changed: plan, then apply={both:.2f} s as two commands; `apply` alone (plans and applies)={single:.2f} s"
    )
    if applies:
        _history(bench, applies)
    print(f"peak memory of any command: {bench.peak_mib:.0f} MiB")


def _one_site_change(bench: Bench) -> float:
    bench.edit("sites/account-0001/site-00002.yaml", 'time: "03:01"', 'time: "04:01"')
    return bench.run("apply", "--yes")[0]


def _history(bench: Bench, applies: int) -> None:
    """Apply a one-site change so many times, in one process, and ask about it."""
    done = subprocess.run(
        (sys.executable, "-c", _APPLIES, str(bench.root), bench.url, str(applies)), check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    compiled, planned, applied = map(float, done.stdout.split())
    print(f"one site changed, in a process that goes on (as the reconciler's): plan + apply={planned + applied:.2f} s CPU "
          f"(plan {planned:.2f}, apply {applied:.2f}; at most 0.7), beside compiling the root={compiled:.2f} s")  # fmt: skip
    start = min(bench.run("version")[0] for _ in range(3))
    show = bench.best("history", "show") - start
    blame = bench.best("blame", "site/site-00003") - start
    print(f"after {applies} more applies: history show={show:.2f} s, "
          f"blame={blame:.2f} s, beside the {start:.2f} s that any command takes to start")  # fmt: skip


_APPLIES = """
import statistics
import sys
import time
from pathlib import Path
from reconciler.clock import SystemClock
from reconciler.operations.app import Installation
from reconciler.operations.apply import apply
from reconciler.operations.plan import plan
from reconciler.operations.validate import validate
from reconciler.store.engine import open_database
root, url, applies = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
installation = Installation(root, url, root / ".igny8/media", SystemClock(), "bench")
database = open_database(url)
file = root / "sites/account-0001/site-00003.yaml"
text = file.read_text()
taken = []
for number in range(applies):
    file.write_text(text.replace("Trails and Tents No.", f"Trails and Tents {number} No."))
    times = [time.process_time()]
    compilation = validate(installation)
    times.append(time.process_time())
    planned = plan(database, compilation, installation.clock)
    assert len(planned.plan.changes) == 1
    times.append(time.process_time())
    apply(database, compilation, planned.plan, clock=installation.clock, actor="bench")
    times.append(time.process_time())
    taken.append([after - before for before, after in zip(times, times[1:])])
print(*(statistics.median(column) for column in zip(*taken)))
"""


def _raw_insert(url: str) -> float:
    """Return the seconds of inserting the same rows into a table of the same shape, all at once."""
    database = connect(url)
    copy = sa.Table(
        "resource_copy", sa.MetaData(), *(sa.Column(column.name, column.type) for column in resource.columns)
    )
    with database.engine.begin() as connection:
        rows = [row._asdict() for row in connection.execute(sa.select(resource))]
        copy.create(connection)
    started = time.perf_counter()
    with database.engine.begin() as connection:
        connection.execute(copy.insert(), rows)
    seconds = time.perf_counter() - started
    with database.engine.begin() as connection:
        copy.drop(connection)
    database.close()
    return seconds


def octodns(folder: Path, records: int, by_cpu: bool) -> float:
    """Return the seconds that octodns-sync takes to find that so many records in zones of 50 are as they should be."""
    (folder / "config").mkdir(parents=True)
    (folder / "target").mkdir()
    zones = []
    for number in range(records // RECORDS_A_ZONE):
        zone = f"zone-{number:04}.example."
        zones.append(zone)
        hosts = sorted(f"host{index:02}" for index in range(RECORDS_A_ZONE))
        text = "---\n" + "".join(f"{host}:\n  type: A\n  value: 192.0.2.{int(host[4:]) + 1}\n" for host in hosts)
        (folder / f"config/{zone}yaml").write_text(text)
        (folder / f"target/{zone}yaml").write_text(text)
    listed = "".join(f"  {zone}:\n    sources: [config]\n    targets: [target]\n" for zone in zones)
    (folder / "octodns.yaml").write_text(
        f"providers:\n  config:\n    class: octodns.provider.yaml.YamlProvider\n    directory: {folder}/config\n"
        f"  target:\n    class: octodns.provider.yaml.YamlProvider\n    directory: {folder}/target\nzones:\n{listed}"
    )
    command = (str(Path(sys.executable).parent / "octodns-sync"), "--config-file", str(folder / "octodns.yaml"))
    seconds, done = timed(command, by_cpu)
    assert done.returncode == 0, done.stderr[-2000:]
    return seconds


def _new_postgres(server: str) -> tuple[str, Callable[[], None]]:
    name = f"igny8_bench_{os.getpid()}"
    engine = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')

    def drop() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    return f"{server.rsplit('/', 1)[0]}/{name}", drop


if __name__ == "__main__":
    main()
