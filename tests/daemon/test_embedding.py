"""The whole way from a file to a verdict, over the real openai client, while the service misbehaves on command."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from logwatchd import status_file
from logwatchd.flow import BlockQueue
from logwatchd.ingest.offline import read_events
from logwatchd.ingest.sources import Sources
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.parsing.redaction import Redactor
from logwatchd.pipeline import Pipeline, Scoring
from logwatchd.records import Anomaly, Level, SourceSpec, flat
from logwatchd.scoring.backlog import Backlog
from logwatchd.scoring.baseline import load
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.kept import Kept
from logwatchd.scoring.ledger import Ledger
from logwatchd.scoring.lexicon import Lexicon
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from logwatchd.scoring.twin import twin_of
from logwatchd.scoring.vector_cache import VectorCache, open_database
from tests.conftest import SHARED
from tests.daemon.process import Daemon
from tests.fakes.openai import FakeOpenAI, vector
from tests.fakes.server import Answer, Drip, Garbage, Hang, Reply, Request, Reset, Status, Torn
from tests.helpers import LONG, wait_until
from tests.scoring.making import FAULT, NORMAL, block_of, learn

OPENAI = '[embedder]\nprovider = "openai"\n'


def words(count: int, seed: int = 7) -> Iterator[str]:
    """Lines that no mask folds together."""
    rng = random.Random(seed)
    syllables = ["ba", "ke", "lo", "mi", "nu", "ra", "se", "ti", "vo", "zu", "pla", "gre", "sko", "tri", "fun"]
    seen: set[str] = set()
    while len(seen) < count:
        line = "ERROR " + " ".join("".join(rng.choices(syllables, k=4)) for _ in range(4)) + " failed"
        if line not in seen:
            seen.add(line)
            yield line


class Bench:
    """A real pipeline, its threads and its files; what a person would be told ends up in `anomalies`."""

    def __init__(
        self,
        folder: Path,
        service: FakeOpenAI,
        limits: Limits,
        *,
        local: bool = False,
        lines: Sequence[str] = NORMAL * 100,
        threshold: float | None = 0.05,
    ) -> None:
        self.folder = folder
        self.anomalies: list[Anomaly] = []
        self.crashes: list[BaseException] = []
        (folder / "state").mkdir(exist_ok=True)
        embedder = OpenAIEmbedder(Service("m", service.url + "/v1", timeout_s=2.0), SecretStr("sk-test"))
        baseline = learn(lines, embedder, threshold=threshold)
        self.embedder = embedder
        blocks = BlockQueue()
        store = open_database(folder / "state")
        source = Sources(
            [SourceSpec((f"{folder}/*.log",), start_at="beginning")], blocks, StateFolder(folder / "state")
        )
        self.pipeline = Pipeline(
            blocks,
            source,
            Scoring(Detector(baseline), embedder, limits, Detector(twin_of(baseline)) if local else None),
            lambda found, now: self.anomalies.extend(found),
            lambda stage, error: self.crashes.append(error),
            Kept(store, VectorCache(store, 64 << 20), Ledger(store), Backlog(folder / "state", 64 << 20)),
        )

    def __enter__(self) -> Bench:
        self.pipeline.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pipeline.stop(5)

    def append(self, lines: Sequence[str], name: str = "app.log") -> None:
        with (self.folder / name).open("ab") as file:
            file.write(block_of(lines))

    def found(self, name: str = "app.log") -> list[str]:
        return [anomaly.line for anomaly in list(self.anomalies) if anomaly.path.endswith(name)]

    def wait(self, lines: int, timeout_s: float = 60.0) -> None:
        def done() -> bool:
            assert not self.crashes, self.crashes
            return self.pipeline.score.lines >= lines

        wait_until(done, timeout_s, f"{lines} lines having their verdicts")


def answer_of(change: Callable[[list[list[float]]], list[list[float]]]) -> Answer:
    """An answer with vectors that are not as they should be."""

    def answer(request: Request) -> Answer:
        vectors = change([vector(text, 64).tolist() for text in request.body["input"]])
        data = [{"object": "embedding", "index": index, "embedding": found} for index, found in enumerate(vectors)]
        return Reply({"object": "list", "data": data, "model": "m"})

    return answer


@pytest.mark.slow
def test_with_every_third_request_failing_every_line_has_its_verdict_in_order(
    service: FakeOpenAI, tmp_path: Path
) -> None:
    rng = random.Random(3)
    faults: list[Answer] = [
        Status(429),
        Status(429, headers={"Retry-After": "0.2"}),
        Status(500),
        Status(503),
        Reset(),
        Torn(),
        Garbage(),
        Drip(0.01),
        answer_of(lambda vectors: vectors[:-1]),
        answer_of(lambda vectors: [[float("nan")] * len(vector) for vector in vectors]),
    ]
    lock = threading.Lock()

    def trouble() -> Answer | None:
        with lock:
            return rng.choice(faults) if rng.random() < 0.3 else None

    lines = list(words(3000))
    with Bench(tmp_path, service, Limits(batch_size=50, max_wait_ms=20)) as bench:
        service.trouble = trouble
        for part in range(10):
            for file in range(3):
                bench.append(lines[file * 1000 + part * 100 : file * 1000 + (part + 1) * 100], f"{file}.log")
        bench.wait(3000, timeout_s=120)
        for file in range(3):
            assert bench.found(f"{file}.log") == lines[file * 1000 : (file + 1) * 1000]
    sent = [text for text in service.answered if "failed" in text]
    assert max(Counter(sent).values()) == 1


@LONG
@pytest.mark.slow
@pytest.mark.parametrize("local", [False, True], ids=["wait", "local"])
def test_while_the_service_is_dead_for_a_minute_known_lines_lose_nothing(
    service: FakeOpenAI, tmp_path: Path, local: bool
) -> None:
    lines = words(10_000)
    with Bench(tmp_path, service, Limits(batch_size=100, max_wait_ms=20), local=local) as bench:
        bench.append(NORMAL)
        bench.wait(len(NORMAL))
        service.trouble = lambda: Status(503)
        known, new = len(NORMAL), []
        began = time.monotonic()
        while time.monotonic() - began < 60:
            some, asked = list(itertools.islice(lines, 100)), len(service.requests)
            new += some
            known += 100 * len(NORMAL)
            for start in range(100):
                bench.append([some[start], *NORMAL])
            bench.wait(known + (len(new) if local else 0))  # what needs no service has its verdict meanwhile
            wait_until(lambda asked=asked: len(service.requests) > asked, 30, "the service being asked in vain")
        assert len(new) >= 1000
        assert bench.pipeline.embed.away
        assert bench.pipeline.lines_kept == (0 if local else len(new))
        service.trouble = lambda: None
        back = time.monotonic()
        if local:
            assert bench.found() == new
            assert all(anomaly.by_twin or not anomaly.late for anomaly in bench.anomalies)
            bench.append(list(itertools.islice(lines, 1)))
            wait_until(lambda: not bench.pipeline.embed.away, what="a probe being answered")
        else:
            bench.wait(known + len(new))
            assert bench.found() == new
            assert all(anomaly.late for anomaly in bench.anomalies[len(new) // 2 :])
            wait_until(lambda: not bench.pipeline.lines_kept, what="an empty backlog")
        assert time.monotonic() - back < 40


@pytest.mark.slow
def test_a_day_of_the_references_traffic_costs_less_than_five_cents(service: FakeOpenAI, tmp_path: Path) -> None:
    """10,000 lines a minute of the mixed corpus, what the baseline is learned from among them.

    The whole day, 14,400,000 lines, is one of LOGWATCHD_TEST_DAY=1; else its first half an hour, of which the last ten
    minutes say what the rest would bring: new texts only grow fewer.
    """
    generator = SHARED / "speed" / "make_corpus.py"
    if not generator.exists():
        pytest.skip("../shared is not here: no mixed corpus")
    minutes = 1440 if os.environ.get("LOGWATCHD_TEST_DAY") else 30
    corpus = tmp_path / "corpus"
    subprocess.run([sys.executable, str(generator), "mixed", str(minutes * 10_000), str(corpus)], check=True)
    with (
        corpus.open("rb") as file,
        Bench(
            tmp_path,
            service,
            Limits(usd_per_million_tokens=0.02),
            lines=[file.readline()[:-1].decode("utf-8", "replace") for _ in range(100_000)],
            threshold=None,
        ) as bench,
    ):
        usd = [bench.embedder.tokens * 0.02 / 1e6]
        for part in (minutes - 20, 10):
            with (tmp_path / "mixed.log").open("ab") as out:
                out.writelines(itertools.islice(file, part * 10_000))
            bench.wait((minutes - 20 if len(usd) == 1 else minutes - 10) * 10_000, timeout_s=600)
            usd.append(bench.embedder.tokens * 0.02 / 1e6)
        day = usd[2] + (1440 - minutes) / 10 * (usd[2] - usd[1])
        print(f"baseline ${usd[0]:.5f}, {minutes} minutes ${usd[2]:.5f}, {len(service.requests)} requests: ${day:.5f}")
        assert day < 0.05


def real_logs() -> list[Path]:
    if not SHARED.exists():
        pytest.skip("../shared is not here: no real logs to read")
    return sorted((SHARED / "data").glob("*/*.log"))


def distinct(logs: Sequence[Path], baseline: Path) -> tuple[set[str], int]:
    """Patterns that need a vector, as they leave, and the number of events. What was learned has one already."""
    known, wanted, events = load(baseline).patterns, set(), 0
    for log in logs:
        lexicon = Lexicon()
        for data, inner in read_events(log, SourceSpec((str(log),))):
            events += len(lexicon.ids_of(flat(data, inner)))
        for pattern, level in zip(lexicon.patterns, lexicon.levels, strict=True):
            if pattern and pattern not in known and level is not Level.DEBUG:
                wanted.add(pattern)
    redact = Redactor(b"").masked
    return set(map(redact, wanted)) - set(map(redact, known)), events


@LONG
@pytest.mark.slow
def test_of_200_000_real_lines_each_pattern_is_sent_once_through_kill_9_and_restarts(
    service: FakeOpenAI, tmp_path: Path
) -> None:
    """Patterns that are the same without their secrets and names leave as one."""
    logs = real_logs()
    extra = "threshold = 0.999\nweigh_levels = false\n" + OPENAI
    with Daemon(tmp_path, extra, service.env) as daemon:
        daemon.learn()
        wanted, events = distinct(logs, daemon.baseline)
        assert events > 195_000
        service.answered.clear()
        text = daemon.config.read_text().replace("[[source]]", '[[source]]\nstart_at = "beginning"')
        daemon.config.write_text(text.replace(f'["{daemon.logs}/*.log"]', json.dumps([str(log) for log in logs])))
        before = len(service.requests)
        service.enqueue(*[service.well] * 6, *[Hang()] * 4)
        daemon.start(ready=False)
        wait_until(lambda: len(service.requests) - before >= 10, 60, "four requests that hang")
        assert daemon.process is not None
        daemon.stop(signal.SIGKILL)
        answered = len(set(service.answered))
        assert 0 < answered < len(wanted)
        daemon.start()
        daemon.wait(lambda: set(service.answered) >= wanted, "every pattern having been sent", 120)
        assert Counter(service.answered) == Counter(wanted)  # none twice, none that nobody needs
        print(f"{len(wanted)} texts in {len(service.requests) - before - 4} requests")
        # Full batches; a part of one is left at the kill, and at the end.
        assert len(service.requests) - before - 4 <= 1.05 * math.ceil(len(wanted) / 200) + 3
        wait_until(lambda: counters(daemon)["texts_waiting"] == 0, 20, "the end of the backlog")
        assert daemon.stop() == 0
        requests = len(service.requests)
        for file in daemon.state.iterdir():
            if not file.name.startswith("embeddings"):
                file.unlink() if file.is_file() else None
        daemon.start()
        wait_until(lambda: counters(daemon)["lines"] >= events, 120, "all lines having been read again")
        assert daemon.stop() == 0
        assert len(service.requests) == requests  # a second start on the same logs asks for nothing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("why", "trouble", "budget"),
    [("HTTP 401", Status(401), ""), ("budget of $1e-07 is used up", None, "daily_usd = 0.0000001\n")],
    ids=["refused", "budget"],
)
def test_a_local_twin_judges_at_once_and_everybody_is_told(
    service: FakeOpenAI, tmp_path: Path, why: str, trouble: Answer | None, budget: str
) -> None:
    extra = OPENAI + 'on_outage = "local"\nmax_wait_ms = 0\n' + budget
    with Daemon(tmp_path, extra, service.env) as daemon:
        daemon.learn()
        assert (tmp_path / "baseline.local").exists()
        service.trouble = lambda: trouble
        daemon.log.touch()
        daemon.start()
        daemon.append(FAULT)
        daemon.wait(lambda: daemon.alerted() == [FAULT], "the twin's alert")
        assert [entry["by_twin"] for entry in daemon.events("ANOMALY")] == [True]
        daemon.append(*NORMAL)
        daemon.wait(lambda: counters(daemon)["lines"] == 1 + len(NORMAL), "the known lines")
        (said,) = daemon.events("EMBEDDING_AWAY_LOCAL")
        assert why in said["reason"]
        told = counters(daemon)
        assert {"alerts_sent", "alerts_held", "analyses", "analyses_failed"} <= told.keys()
        assert (told["lines_by_twin"], told["lines_kept"], told["embedding_away"]) == (1, 0, 1)
        daemon.wait(
            lambda: any("a local twin judges new texts" in line and why in line for line in daemon.notified),
            "the status saying so",
        )


@pytest.mark.parametrize("answer", [Status(400), Status(500)], ids=repr)
def test_a_text_that_the_service_refuses_is_told_as_new_and_holds_up_no_other(
    service: FakeOpenAI, tmp_path: Path, answer: Answer
) -> None:
    with Daemon(tmp_path, OPENAI, service.env) as daemon:
        daemon.learn()
        service.refusal = lambda texts: answer if any("zorp" in text for text in texts) else None
        daemon.log.touch()
        daemon.start()
        odd, new = "INFO zorp is a word of no language", "FATAL the disk is on fire and nobody knows why"
        daemon.append(odd, new)
        for line in (odd, new):
            daemon.wait(lambda line=line: any(e.get("line") == line for e in list(daemon.entries)), f"'{line}'", 60)
        (said,) = daemon.events("TEXTS_REFUSED")
        assert said["texts"] == 1
        daemon.wait(lambda: counters(daemon).get("texts_refused") == 1, "the status")
        assert counters(daemon)["embedding_away"] == 0


def counters(daemon: Daemon) -> dict[str, int | float]:
    found = status_file.read(daemon.state)
    return {"lines": 0, "texts_waiting": 1, "lines_kept": 0} | dict(found.counters if found else {})


@LONG
@pytest.mark.slow
def test_memory_is_bounded_while_the_service_is_away_and_every_line_is_new(service: FakeOpenAI, tmp_path: Path) -> None:
    with Daemon(tmp_path, OPENAI + "outage_mb = 8\nmax_wait_ms = 20\n", service.env) as daemon:
        daemon.learn()
        service.trouble = lambda: Status(503)
        daemon.log.touch()
        daemon.start()
        daemon.append(*words(2000))
        daemon.wait(lambda: counters(daemon)["lines_kept"] >= 2000, "the lines being kept", 60)
        assert daemon.process is not None
        settled = kib_of(daemon.process.pid, "VmRSS")
        for part in range(20):
            daemon.append(*words(30_000, seed=part))
        daemon.wait(lambda: daemon.events("BACKLOG_FULL"), "the backlog being full", 120)
        for _ in range(2):  # it goes on, as its status says, and reads no further
            told = status_told(daemon)
            daemon.wait(lambda told=told: status_told(daemon) > told, "the next status")
        assert kib_of(daemon.process.pid, "VmHWM") - settled < 256 * 1024
        assert counters(daemon)["lines_kept"] > 2000
        said = [line for line in daemon.notified if line.startswith("STATUS=")]
        assert any("embedding is away" in line and "lines wait on the disk" in line for line in said)
        assert len(daemon.events("EMBEDDING_AWAY_WAIT")) == 1


def status_told(daemon: Daemon) -> int:
    """When the daemon wrote its status last, in nanoseconds."""
    return (daemon.state / status_file.FILE_NAME).stat().st_mtime_ns


def kib_of(pid: int, name: str) -> int:
    """VmRSS: resident memory; VmHWM: the most that it ever was."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(f"{name}:")).split()[1])
