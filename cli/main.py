"""The `igny8` command: global options, and COMMANDS, the registry of what it can do."""

from __future__ import annotations

import gc
import inspect
import re
import sys
from copy import copy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from cli.exits import Exit
from cli.output import Output
from reconciler.errors import ExitCode, Igny8Error


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its name, where it is defined, and its line in the help."""

    name: str
    target: str
    help: str


# In the order of the help: what a person does first comes first.
COMMANDS: tuple[Entry, ...] = (
    Entry("validate", "cli.commands.validate:validate", "Check the config; tell every mistake with its place."),
    Entry("plan", "cli.commands.plan:plan", "Show what an apply would change, and what it will cost."),
    Entry("snapshot", "cli.commands.snapshot:snapshot", "Write the actual state to a file, to plan from elsewhere."),
    Entry("apply", "cli.commands.apply:apply", "Make the database follow the config, in one transaction."),
    Entry("history", "cli.commands.history:history", "Show past applies, and verify their chain."),
    Entry("blame", "cli.commands.blame:blame", "Name the apply that last changed each field."),
    Entry("rollback", "cli.commands.rollback:rollback", "Go back to an earlier apply, by a patch or at once."),
    Entry("hold", "cli.commands.hold:hold", "Keep a resource or field as it is for a while: plans leave it alone."),
    Entry("release", "cli.commands.hold:release", "End such a hold before its time."),
    Entry("holds", "cli.commands.hold:holds", "List what is held as it is, until when, by whom and why."),
    Entry("drift", "cli.commands.drift:drift", "Show what was changed in the database, and not by an apply."),
    Entry("adopt", "cli.commands.adopt:adopt", "Take a live value into the config."),
    Entry("import", "cli.commands.import_:import_", "Write the files of what only the database has."),
    Entry("run", "cli.commands.run:run", "Run the pipelines that are due, or one site now."),
    Entry("runs", "cli.commands.runs:runs", "Look at past and present runs; pause, resume and cancel them."),
    Entry("worker", "cli.commands.worker:worker", "Share the work of all sites with other processes."),
    Entry("publish", "cli.commands.publish:publish", "Publish what is due, or an article now; update it."),
    Entry("unpublish", "cli.commands.publish:unpublish", "Take published articles out of sight."),
    Entry("sync", "cli.commands.sync:sync", "Compare what stands at the sites with what was published."),
    Entry("reconcile", "cli.commands.reconcile:reconcile", "Keep everything as declared: apply, run, publish, again."),
    Entry("status", "cli.commands.status:status", "Show the state of every site."),
    Entry("content", "cli.commands.content:content", "Look at articles, edit and improve them, and decide about them."),
    Entry("keywords", "cli.commands.keywords:keywords", "Import keyword lists; list keywords; find duplicates."),
    Entry("images", "cli.commands.images:images", "Draw images of articles anew, and choose among those there are."),
    Entry("calendar", "cli.commands.calendar:calendar", "Show which article stands in which slot."),
    Entry(
        "simulate", "cli.commands.simulate:simulate", "Show runs, slots, articles, credits and cost of days to come."
    ),
    Entry(
        "credits", "cli.commands.credits:credits", "Show balances, give and refund credits, make statements, verify."
    ),
    Entry("logs", "cli.commands.logs:logs", "Show credit usage, the AI task log, credit transactions, notifications."),
    Entry("notify", "cli.commands.notify:notify", "Send what people are to be told; see what was delivered."),
    Entry("report", "cli.commands.report:report", "Report credits, cost and margin."),
    Entry("providers", "cli.commands.providers:providers", "Check keys, reach and models of the AI providers."),
    Entry(
        "publishers", "cli.commands.publishers:publishers", "List where articles can go, and check who we are there."
    ),
    Entry("models", "cli.commands.models:models", "List models; compare their prices with a public list."),
    Entry("explain", "cli.commands.explain:explain", "Explain a value, a field or a diagnostic code."),
    Entry("graph", "cli.commands.graph:graph", "Show what depends on what."),
    Entry("compile", "cli.commands.compile:compile_", "Write the resolved desired state as canonical JSON."),
    Entry("fmt", "cli.commands.fmt:fmt", "Bring config files into their one form."),
    Entry("set", "cli.commands.set:set_", "Change one value in a config file."),
    Entry("unset", "cli.commands.set:unset", "Take one value out of a config file."),
    Entry("migrate", "cli.commands.migrate:migrate", "Bring config files to the current apiVersion."),
    Entry("policy", "cli.commands.policy:policy", "List policies, and try them on their examples."),
    Entry("schema", "cli.commands.schema:schema", "Write the JSON Schemas that editors use."),
    Entry("lock", "cli.commands.lock:lock", "See who holds which lock; take one from a holder that is gone."),
    Entry("db", "cli.commands.db:db", "Look after the database's schema."),
    Entry("completion", "cli.commands.completion:completion", "Print a shell's completion script."),
    Entry("version", "cli.commands.version:version", "Print the version."),
)


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = next((entry for entry in COMMANDS if entry.name == cmd_name), None)
        return None if entry is None else _with_examples_in_lines(load(entry))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], names, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS])


def load(entry: Entry) -> click.Command:
    """Import a command."""
    module, _, name = entry.target.partition(":")
    command: click.Command = getattr(import_module(module), name)
    return command


def _with_examples_in_lines(command: click.Command) -> click.Command:
    """Return a command whose help leaves indented lines as they are; click would make one paragraph of all examples."""
    shown = copy(command)
    # A paragraph that begins with this mark is not wrapped.
    shown.help = re.sub(r"(?<=\n\n)(?=  \S)", "\b\n", inspect.cleandoc(command.help)) if command.help else command.help
    if isinstance(shown, click.Group):
        shown.commands = {name: _with_examples_in_lines(inner) for name, inner in shown.commands.items()}
    return shown


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "IGNY8", "max_content_width": 100},
    epilog="Examples: igny8 validate · igny8 plan · igny8 apply --yes · igny8 run --due --offline",
)
@click.option(
    "-C", "--chdir", "root", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="The config root."
)
@click.option(
    "--db",
    "database_url",
    envvar="IGNY8_DB",
    metavar="URL",
    help="The database; default .igny8/state.db, or state-NAME.db with --env NAME.",
)
@click.option(
    "--env", "environment", envvar="IGNY8_ENV", metavar="NAME",
    help="The environment: environments/NAME.yaml is laid over the config, with a database of its own.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say only the answer and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show tracebacks of unexpected failures.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="When to use colours.")
@click.option("--no-input", is_flag=True, help="Never ask.")
@click.pass_context
def igny8(
    context: click.Context, root: Path, database_url: str | None, environment: str | None, quiet: bool, verbose: bool,
    debug: bool, color: str, no_input: bool,
) -> None:  # fmt: skip
    """GitOps for AI content operations: sites, models, accounts and schedules as YAML in git."""
    from cli.session import Session

    verbosity = -1 if quiet else 2 if debug else int(verbose)
    context.obj = Session(
        root, database_url, Output(color, verbosity), accepts_input=not no_input, environment=environment or ""
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with the exit code of what happened."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    # Most of what a command makes stays to its end: looking for garbage as often as Python does costs a tenth of its time.
    gc.set_threshold(30_000, 20, 50)
    words = sys.argv[1:] if arguments is None else arguments
    output = Output(color=next((word for word in ("never", "always") if word in words), "auto"))
    try:
        igny8.main(args=words, prog_name="igny8", standalone_mode=False)
    except Exit as end:
        return int(end.code)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        output.note(error.format_message())
        return int(ExitCode.USAGE)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "igny8"
        output.error(error.format_message(), hint=f"{command} --help")
        return int(ExitCode.USAGE)
    except Igny8Error as error:
        output.error(error.message, error.hint)
        return int(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        output.error("interrupted")
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        if "--debug" in words:
            raise
        output.error(f"unexpected: {type(error).__name__}: {error}", hint="run it again with --debug and report it")
        return int(ExitCode.UNEXPECTED)
    return int(ExitCode.OK)
