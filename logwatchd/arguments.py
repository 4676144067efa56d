"""What the command line may say: verbs, their arguments and options, and the help on them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from logwatchd import __version__
from logwatchd.ingest.sampling import SAMPLE_BYTES

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_PAGES = ("logwatchd.1", "logwatchd.toml.5", "logwatchd.catalog")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_CONFIG = "/etc/logwatchd.toml"
_EPILOG = "exit codes: 0 ok, 1 anomaly found, 2 usage, 3 not running, 70 it failed, 78 configuration or baseline"


class _Parser(argparse.ArgumentParser):
    """What --help and --version cannot print is an error, as it is of any other output; argparse passes over it."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if message and file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)


def parser() -> argparse.ArgumentParser:
    """Of the whole command line. Its `parse_args` prints help and mistakes, and ends with SystemExit."""
    whole = _Parser(
        prog="logwatchd",
        description="Learns what your logs normally say and tells you about the line it has never seen before.",
        epilog=_EPILOG,
    )
    whole.add_argument("--version", action="version", version=f"logwatchd {__version__}")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")

    run = verbs.add_parser("run", help="the daemon, in the foreground", epilog=_EPILOG)
    _config_option(run)
    check = verbs.add_parser("check-config", help="every mistake in the configuration at once", epilog=_EPILOG)
    _config_option(check)
    reload = verbs.add_parser("reload", help="make the running daemon reload, and wait for the outcome", epilog=_EPILOG)
    _config_option(reload)

    baseline = verbs.add_parser("baseline", help="learn what is normal, show it, compare it", epilog=_EPILOG)
    actions = baseline.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="learn from known-good logs", epilog=_EPILOG)
    build.add_argument("--output", type=_path, required=True, metavar="B", help="the baseline file to write")
    build.add_argument("--config", type=_path, metavar="FILE", help="take embedder, threshold and sources from it")
    build.add_argument(
        "--sample",
        type=_size,
        default=SAMPLE_BYTES,
        metavar="SIZE|all",
        help="read so much of huge files, in stretches spread over them (default: 4G)",
    )
    build.add_argument("--drop-suspicious", action="store_true", help="leave out bursts of errors")
    build.add_argument("--json", action="store_true", help="a report on stdout")
    build.add_argument(
        "files", nargs="*", type=_name, metavar="FILE|GLOB|-", help="known-good logs, plain or compressed, or -"
    )
    show = actions.add_parser("show", help="what a baseline was made of", epilog=_EPILOG)
    show.add_argument("baseline", type=_path, metavar="B", help="a baseline file")
    show.add_argument("--json", action="store_true", help="one JSON object")
    merge = actions.add_parser("merge", help="one baseline that knows what several know", epilog=_EPILOG)
    merge.add_argument("--output", type=_path, required=True, metavar="B", help="the baseline file to write")
    merge.add_argument("--config", type=_path, metavar="FILE", help="take the embedder's service and threshold from it")
    merge.add_argument("baselines", nargs="+", type=_path, metavar="BASELINE", help="two or more")
    _rebuild_options(actions.add_parser("rebuild", help="its texts by another embedder", epilog=_EPILOG))
    diff = actions.add_parser(
        "diff", help="what NEW knows that OLD did not, and which lines' verdict changes (then: exit 1)", epilog=_EPILOG
    )
    diff.add_argument("old", type=_path, metavar="OLD", help="the baseline in force")
    diff.add_argument("new", type=_path, metavar="NEW", help="the one that is to take its place")
    diff.add_argument(
        "--logs", nargs="+", default=[], type=_name, metavar="FILE|GLOB", help="judge these logs' lines by both"
    )
    diff.add_argument("--config", type=_path, metavar="FILE", help="read the logs as its sources say, by its threshold")
    diff.add_argument("--json", action="store_true", help="one JSON object, with all of it")
    diff.add_argument("--all", action="store_true", help="not only the most frequent patterns")

    scan = verbs.add_parser("scan", help="score a file offline, in order", epilog=_EPILOG)
    _baseline_option(scan)
    scan.add_argument("--format", choices=("text", "jsonl"), default="text", help="jsonl: one JSON object an event")
    scan.add_argument("--all", action="store_true", help="every line, not only the anomalies")
    scan.add_argument(
        "--config", type=_path, metavar="FILE", help="take embedder, threshold and the file's source from it"
    )
    scan.add_argument("file", type=_name, metavar="FILE|-", help="a log file, or - for standard input")

    _explain_options(verbs.add_parser("explain", help="why a line is normal or not, word by word", epilog=_EPILOG))
    _config_option(verbs.add_parser("notify-test", help="a sample alert through each sink", epilog=_EPILOG))
    redact = verbs.add_parser("redact", help="what of these lines would leave the machine", epilog=_EPILOG)
    redact.add_argument("--config", type=_path, metavar="FILE", help=f"with its [[redact]] rules; default: {_CONFIG}")
    redact.add_argument("--embedded", action="store_true", help="what an embedding service would get, each text once")
    redact.add_argument("--find", metavar="PSEUDONYM", help="print what in FILE it stands for, such as user-3f2a91c0")
    redact.add_argument("file", type=_name, metavar="FILE|-", help="a log file, or - for standard input")
    _tune_options(
        verbs.add_parser(
            "tune",
            help="what each threshold finds and costs on lines that you have labelled",
            description="Score labelled lines and print precision, recall and F1 by threshold, the best one, and what "
            "it would flag and miss. The form of LABELED shows in its content: a JSON list of "
            '{"log": "...", "label": "normal" or "anomaly"}, one such object a line, or CSV with the header log,label. '
            "Levels that are never judged, DEBUG by default, count as not flagged, as in the daemon.",
            epilog=_EPILOG,
        )
    )

    cache = verbs.add_parser("cache", help="embeddings that are kept: size, hit rate, cost", epilog=_EPILOG)
    _config_option(cache)
    cache.add_argument("--clear", action="store_true", help="forget them; the next new text is sent again")
    cache.add_argument("--json", action="store_true", help="one JSON object")

    incidents = verbs.add_parser("incidents", help="what is open now, or all that is known of one", epilog=_EPILOG)
    _config_option(incidents)
    incidents.add_argument("--all", action="store_true", help="those that are over as well, as long as they are kept")
    incidents.add_argument("--json", action="store_true", help="a list of objects, as a webhook gets them")
    incidents.add_argument("id", nargs="?", metavar="ID", help="of an incident, as its alert says")

    watch = verbs.add_parser(
        "watch", help="no configuration: learn from what the files hold, then print only what is new", epilog=_EPILOG
    )
    watch.add_argument(
        "paths", nargs="+", type=_name, metavar="PATH|-", help="files, globs, folders, FIFOs, or - for standard input"
    )

    tail = verbs.add_parser("tail", help="the ingest alone: append each line it delivers to a file", epilog=_EPILOG)
    _config_option(tail)
    tail.add_argument("--output", type=_path, required=True, metavar="OUT", help="the file to append to")
    setup = verbs.add_parser(
        "setup", help="look at what this machine logs, write a configuration, learn a first baseline", epilog=_EPILOG
    )
    _config_option(setup)
    setup.add_argument("--yes", action="store_true", help="ask nothing, take what is proposed")
    setup.add_argument("--force", action="store_true", help="replace a configuration; the old one is kept beside it")
    manual = verbs.add_parser("manual", help="print a manual page, for 'man -l -', or the catalog", epilog=_EPILOG)
    manual.add_argument("page", nargs="?", default="logwatchd.1", choices=_PAGES, metavar="PAGE", help=" ".join(_PAGES))
    completion = verbs.add_parser("completion", help="print what a shell completes", epilog=_EPILOG)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    return whole


def _name(text: str) -> str:
    """Of a file, or what stands for some; an empty one would be the present folder."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; name a file")
    return text


def _path(text: str) -> Path:
    return Path(_name(text))


def _size(text: str) -> int | None:
    """Bytes, such as 500M or 4G; None for 'all'."""
    if text == "all":
        return None
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "")
    if not number.isdecimal() or unit not in _UNITS or not int(number):
        raise argparse.ArgumentTypeError(f"'{text}' is no size: write 500M, 4G or all")
    return int(number) * _UNITS[unit]


def _rebuild_options(rebuild: argparse.ArgumentParser) -> None:
    rebuild.add_argument("baseline", type=_path, metavar="B", help="the baseline whose texts are taken")
    rebuild.add_argument("--output", type=_path, required=True, metavar="NEW", help="the baseline file to write")
    rebuild.add_argument(
        "--embedder", metavar="NAME", help="local, openai[:MODEL], onnx:FOLDER or static:FOLDER (default: --config's)"
    )
    rebuild.add_argument(
        "--config", type=_path, metavar="FILE", help="take the embedder's service and threshold from it"
    )
    rebuild.add_argument("--dry-run", action="store_true", help="only say what it would take and cost")


def _explain_options(explain: argparse.ArgumentParser) -> None:
    _baseline_option(explain)
    explain.add_argument(
        "--config", type=_path, metavar="FILE", help="take embedder, threshold and skip_levels from it"
    )
    explain.add_argument("--log", type=_path, metavar="FILE", help="whose line it is: a log has a threshold of its own")
    explain.add_argument("--json", action="store_true", help="one JSON object a line")
    explain.add_argument(
        "line",
        nargs="?",
        default="-",
        metavar="LINE|-",
        help="default: each line of standard input; put -- before one that begins with a dash",
    )


def _tune_options(tune: argparse.ArgumentParser) -> None:
    _baseline_option(tune)
    tune.add_argument("--config", type=_path, metavar="FILE", help="take embedder, threshold and skip_levels from it")
    tune.add_argument(
        "--normal", nargs="+", action="extend", default=[], type=_name, metavar="FILE", help="logs, all of it normal"
    )
    tune.add_argument(
        "--anomaly", nargs="+", action="extend", default=[], type=_name, metavar="FILE", help="logs, all anomalies"
    )
    tune.add_argument(
        "--plot", type=_path, metavar="FILE.png|svg", help="draw curve and scores (needs logwatchd[plot])"
    )
    tune.add_argument("--write", action="store_true", help="put the best threshold into the baseline")
    tune.add_argument("--json", action="store_true", help="one JSON object, with every threshold's figures")
    tune.add_argument(
        "labelled", nargs="*", type=_name, metavar="LABELED|-", help="labelled lines, or - for standard input"
    )


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=_path, default=Path(_CONFIG), metavar="FILE", help=f"default: {_CONFIG}")


def _baseline_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--baseline", type=_path, required=True, metavar="B", help="the baseline to judge by")
