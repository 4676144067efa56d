"""The command line: parse, call, print, exit. Each verb's module is imported only when it is used."""

from __future__ import annotations

import argparse
import atexit
import errno
import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from logwatchd import interrupts
from logwatchd.arguments import parser
from logwatchd.commands import terminal
from logwatchd.errors import ConfigError, Exit, LogwatchdError, os_message

_OUTPUT_FAILS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    # At its end Python looks for cycles among all that is left, only to free what goes with the process anyway: for
    # what imports numpy that is an eighth of the time of a short command.
    atexit.register(gc.freeze)
    terminal.prepare()
    try:
        try:
            args = parser().parse_args(argv)
        except SystemExit as ended:  # what --help and --version end with, and what is wrong with the arguments
            code = int(ended.code or 0)
        else:
            work = _work(args)
            if args.verb != "run":  # which ends by handlers of its own
                interrupts.break_off()
            code = _to_its_end(work)
        sys.stdout.flush()  # here, where a full disk can still be told
        return code
    except ConfigError as error:
        for problem in error.problems:
            _complain(problem)
        return int(error.exit_code)
    except LogwatchdError as error:
        _complain(str(error))
        return int(error.exit_code)
    except KeyboardInterrupt:
        interrupts.die()
    except (BrokenPipeError, SystemExit):  # 'logwatchd scan ... | head': the reader has seen enough; rich says it so
        terminal.abandon_output()
        return int(Exit.OK)
    except OSError as error:
        if error.filename is not None:
            _complain(os_message(error))
        elif error.errno in _OUTPUT_FAILS:
            terminal.abandon_output()
            _complain(f"standard output: cannot be written: {error.strerror}; make room, or write elsewhere")
        else:
            return _crashed()
        return int(Exit.FAILED)
    except Exception:
        return _crashed()


def _to_its_end(work: Callable[[], int]) -> int:
    """Raises KeyboardInterrupt wherever a signal was to break it off, whatever came of that."""
    try:
        return int(work())
    finally:
        interrupts.done()
        interrupts.raise_again()


def _crashed() -> int:
    """A mistake of ours, as Python tells it; its exit code would be that of an anomaly."""
    import traceback

    traceback.print_exc()
    return int(Exit.FAILED)


def _one_thread_for_numpy() -> None:
    """OpenBLAS's helper threads spin while they wait: with few texts at once that is ten times the work they save."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _no_plugins_for_pydantic() -> None:
    """They would be looked for in every installed package, at each start; nothing here has any use for them."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _complain(text: str) -> None:
    # Under systemd a line on stderr is 'info' unless it begins with a priority (sd-daemon(3)): this one is an error.
    from logwatchd.alerting.text import visible
    from logwatchd.journald import is_journal

    priority = "<3>" if is_journal(2, os.environ) else ""
    with suppress(OSError):  # nobody reads it: the exit code tells
        print(f"{priority}logwatchd: {visible(text)}", file=sys.stderr)


def _work(args: argparse.Namespace) -> Callable[[], int]:
    """What the verb does, with all that it imports for it."""
    _one_thread_for_numpy()
    _no_plugins_for_pydantic()
    match args.verb:
        case "run":
            from logwatchd.commands import run

            return lambda: run.run(args.config)
        case "check-config":
            from logwatchd.commands import check_config

            return lambda: check_config.run(args.config)
        case "reload":
            from logwatchd.commands import reload

            return lambda: reload.run(args.config)
        case "baseline":
            return _baseline_work(args)
        case "scan":
            from logwatchd.commands import scan

            return lambda: scan.run(args.baseline, args.file, args.config, jsonl=args.format == "jsonl", every=args.all)
        case "explain":
            from logwatchd.commands import explain

            return lambda: explain.run(args.baseline, args.config, args.line, args.log, as_json=args.json)
        case "notify-test":
            from logwatchd.commands import notify_test

            return lambda: notify_test.run(args.config)
        case "redact":
            from logwatchd.commands import redact

            return lambda: redact.run(args.file, args.config, args.find, embedded=args.embedded)
        case "tune":
            from logwatchd.commands import tune

            wanted = tune.Wanted(plot=args.plot, write=args.write, as_json=args.json)
            return lambda: tune.run(args.baseline, args.config, args.labelled, args.normal, args.anomaly, wanted)
        case "cache":
            from logwatchd.commands import cache

            return lambda: cache.run(args.config, forget=args.clear, as_json=args.json)
        case "watch":
            from logwatchd.commands import watch

            return lambda: watch.run(args.paths)
        case "incidents":
            from logwatchd.commands import incidents

            return lambda: incidents.run(args.config, args.id, every=args.all, as_json=args.json)
        case "setup":
            from logwatchd.commands import setup

            return lambda: setup.run(args.config, yes=args.yes, force=args.force)
        case "manual":
            from logwatchd.commands import manual

            return lambda: manual.run(args.page, parser())
        case "completion":
            from logwatchd.commands import completion

            return lambda: completion.run(args.shell, parser())
        case _:
            from logwatchd.commands import tail

            return lambda: tail.run(args.config, args.output)


def _baseline_work(args: argparse.Namespace) -> Callable[[], int]:
    match args.action:
        case "build":
            from logwatchd.commands import baseline

            return lambda: baseline.build(
                args.output,
                args.config,
                args.files,
                sample_bytes=args.sample,
                drop_suspicious=args.drop_suspicious,
                as_json=args.json,
            )
        case "merge":
            from logwatchd.commands import baseline_merge

            return lambda: baseline_merge.run(args.output, args.baselines, args.config)
        case "rebuild":
            from logwatchd.commands import baseline_rebuild

            return lambda: baseline_rebuild.run(
                args.baseline, args.output, args.embedder, args.config, dry_run=args.dry_run
            )
        case "diff":
            from logwatchd.commands import baseline_diff

            return lambda: baseline_diff.run(
                args.old, args.new, args.logs, args.config, as_json=args.json, every=args.all
            )
        case _:
            from logwatchd.commands import baseline

            return lambda: baseline.show(args.baseline, as_json=args.json)
