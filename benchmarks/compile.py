"""Compiles roots of many sites: cold, unchanged, with one file changed; beside check-jsonschema and the bare limit.

Run: python benchmarks/compile.py [--sites 10000] [--large 100000]
"""

from __future__ import annotations

import argparse
import compileall
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import orjson
import yaml_rs
from generated_root import SITES_AN_ACCOUNT, write_root

from reconciler.config.cache import Cache
from reconciler.config.compiler import draft_catalogs
from reconciler.config.documents import load_catalogs
from reconciler.config.sites import Contexts, SiteCompiler
from reconciler.config.tree import read_tree
from reconciler.kinds.site import Site
from reconciler.operations.app import EXTENSIONS

TODAY = date(2026, 11, 20)
PARTNERS = 200  # files that check-jsonschema is given: it is slow, and linear


def main() -> None:
    """Print figures and ratios; every figure is CPU seconds of a process of its own, unless it says otherwise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=0, help="also compile a root of this many sites")
    options = parser.parse_args()
    # As an installed igny8 has it; a checkout may be without bytecode.
    for package in ("reconciler", "cli"):
        compileall.compile_dir(Path(__file__).parent.parent / package, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        root = Path(folder) / "root"
        write_root(root, options.sites)
        _report(root, options.sites)
        if options.large:
            small = _measure(root, cache=False)
            large_root = Path(folder) / "large"
            write_root(large_root, options.large)
            large = _measure(large_root, cache=False)
            per_file = large["cpu"] / options.large / (small["cpu"] / options.sites)
            print(f"{options.large} sites: cpu={large['cpu']:.2f} s, peak={large['peak_mib']:.0f} MiB, "
                  f"{per_file:.2f}x per file of {options.sites}")  # fmt: skip


def _report(root: Path, sites: int) -> None:
    print(f"{sites} sites, {sites // SITES_AN_ACCOUNT} accounts, {_mean_bytes(root)} bytes a site file")
    cold = _measure(root, cache=False)
    print(f"cold: cpu={cold['cpu']:.2f} s, peak={cold['peak_mib']:.0f} MiB, {cold['resources']} resources, "
          f"{cold['findings']} findings")  # fmt: skip
    empty = _measure(root, cache=True)
    time.sleep(2.1)  # a file is known by its times only when they are older than a clock's tick
    _measure(root, cache=True)
    unchanged = _measure(root, cache=True)
    print(f"filling the cache: cpu={empty['cpu']:.2f} s; unchanged: cpu={unchanged['cpu']:.2f} s, "
          f"peak={unchanged['peak_mib']:.0f} MiB")  # fmt: skip
    victim = root / "sites/account-0001/site-00001.yaml"
    victim.write_text(victim.read_text().replace("per_run_limit: 3", "per_run_limit: 6"))
    changed = _measure(root, cache=True)
    print(f"one file changed: cpu={changed['cpu']:.2f} s")
    ours, limit, peer = _own_share(root, sites), _limit(root, sites), _peer(root)
    print(f"parse + validate: {ours:.3f} ms a file")
    print(f"limit (parse + pydantic alone): {limit:.3f} ms a file, ratio={ours / limit:.2f}")
    print(f"check-jsonschema: {peer:.3f} ms a file, ratio={peer / ours:.0f}")
    print(f"one site, wall: {_one_site():.3f} s")


_CHILD = """
import json, resource, sys, time
from pathlib import Path
from datetime import date
from reconciler.config.tree import read_tree
from reconciler.config.compiler import compile_tree
from reconciler.operations.app import EXTENSIONS
root, cached = Path(sys.argv[1]), sys.argv[2] == "cache"
tree = read_tree(root, files_max=1_000_000)
cache = None
if cached:
    from reconciler.operations.validate import open_root_cache
    cache = open_root_cache(root, "")
compilation = compile_tree(tree, EXTENSIONS, date(2026, 11, 20), "", cache)
if cache:
    cache.save()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024,
                  "resources": len(compilation.resources), "findings": len(compilation.findings),
                  "digest": compilation.digest}))
"""


def _measure(root: Path, *, cache: bool) -> dict[str, float]:
    done = subprocess.run(
        (sys.executable, "-c", _CHILD, str(root), "cache" if cache else "no"),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _own_share(root: Path, sites: int) -> float:
    """Return the milliseconds that a site's file takes from the disk to a valid spec in canonical form."""
    tree = read_tree(root, files_max=1_000_000)
    loaded = load_catalogs(tree)
    draft = draft_catalogs(tree, loaded, EXTENSIONS, TODAY, [], None, set())
    files = [file for file in tree.files if file.path.startswith("sites/")]
    compiler = SiteCompiler(draft, files, None, Cache(), Contexts([], loaded.digests))
    gc.disable()
    started = time.process_time()
    for file in files:
        assert compiler.read(file).spec is not None
    seconds = time.process_time() - started
    gc.enable()
    return seconds / sites * 1000


def _limit(root: Path, sites: int) -> float:
    """Return the milliseconds that a file takes a compiled YAML parser and pydantic, and nothing else."""
    texts = [path.read_text() for path in sorted(root.glob("sites/*/*.yaml"))]
    gc.disable()
    started = time.process_time()
    for text in texts:
        value = yaml_rs.loads(text)
        del value["apiVersion"], value["kind"]
        Site.model_validate_json(orjson.dumps(value))
    seconds = time.process_time() - started
    gc.enable()
    return seconds / sites * 1000


def _peer(root: Path) -> float:
    """Return the milliseconds that check-jsonschema takes for a file, without its start."""
    files = [str(path) for path in sorted(root.glob("sites/*/*.yaml"))[:PARTNERS]]
    schema = Path(__file__).parent.parent / "schemas/site.schema.json"
    times = []
    for some in (files[:1], files):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = (sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), *some)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-400:]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return (times[1] - times[0]) / (len(files) - 1) * 1000


def _one_site() -> float:
    root = Path(__file__).parent.parent / "examples/minimal"
    command = (str(Path(sys.executable).parent / "igny8"), "-C", str(root), "validate")
    best = 10.0
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True, env={**os.environ, "NO_COLOR": "1"})
        best = min(best, time.perf_counter() - started)
    return best


def _mean_bytes(root: Path) -> int:
    sizes = [path.stat().st_size for path in root.glob("sites/*/*.yaml")]
    return sum(sizes) // len(sizes)


if __name__ == "__main__":
    main()
