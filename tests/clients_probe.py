"""What the clients do in a process of its own, as JSON: python -m tests.clients_probe plain|lean [packages.json].

plain: they are imported before logwatchd can have a say. packages.json: of which every name is told; by itself, of all
that are imported.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from importlib import import_module
from pathlib import Path
from typing import Any

ROOTS = ("openai", "anthropic")  # in the order in which logwatchd is made to use them below
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503, 504, 529)

_THREADS = 8


def main(way: str, packages: Iterable[str] | None) -> dict[str, Any]:
    if way == "plain":
        for root in ROOTS:
            import_module(root)
    told: dict[str, Any] = {"served": served(), "modules": sorted(filter(ours, sys.modules)), "failures": failures()}
    given = packages or sorted(name for name in filter(ours, sys.modules) if hasattr(sys.modules[name], "__path__"))
    told["names"] = {package: names_in(import_module(package)) for package in given}
    return told


def ours(module: str) -> bool:
    return module.partition(".")[0] in ROOTS


def served() -> dict[str, Any]:
    """What logwatchd gets of services that are well, which many threads ask for the first time at once."""
    from pydantic import SecretStr

    from logwatchd.alerting.analysis import Analyst
    from logwatchd.config_alerting import AnalysisSettings
    from logwatchd.scoring.remote import OpenAIEmbedder, Service
    from tests.alerting.builders import alert
    from tests.fakes.claude import FakeClaude
    from tests.fakes.openai import FakeOpenAI

    key = SecretStr("sk-probe")
    with FakeOpenAI(dimensions=4) as openai, FakeClaude() as claude, ThreadPoolExecutor(_THREADS) as threads:
        embedder = OpenAIEmbedder(Service("small", f"{openai.url}/v1"), key)
        analyst = Analyst(AnalysisSettings(base_url=claude.url), key)
        vectors = [threads.submit(embedder.embed, ["one", "two"]) for _ in range(_THREADS // 2)]
        answers = [threads.submit(analyst.analyse, alert(), 60.0) for _ in range(_THREADS // 2)]
        wait([*vectors, *answers])
        headers = {
            tuple(sorted(name for name in request.headers if name != "content-length"))
            for request in (*openai.requests, *claude.requests)
        }
        return {
            "vectors": [found.result().tolist() for found in vectors],
            "answers": [repr(found.result()) for found in answers],
            "headers": sorted(headers),
        }


def failures() -> dict[str, str]:
    """The class of each error that the clients raise, and of what."""
    import anthropic
    import openai

    from tests.fakes.claude import FakeClaude
    from tests.fakes.openai import FakeOpenAI
    from tests.fakes.server import Answer, Garbage, Hang, Reset, Status, Torn

    answers: dict[str, Answer] = {str(status): Status(status) for status in STATUSES}
    answers |= {"reset": Reset(), "hang": Hang(), "torn": Torn(), "garbage": Garbage(), "empty": Garbage(b"{}")}
    for status, code in sorted((pair for pair in error_codes() if pair[1]), key=str):
        body = {"type": "error", "error": {"type": "x", "message": "x", "details": {"error_code": code}}}
        answers[f"{status} {code}"] = Status(status, json.dumps(body))
    found: dict[str, str] = {}
    with FakeClaude() as claude, FakeOpenAI() as service:
        asked = anthropic.Anthropic(api_key="k", base_url=claude.url, max_retries=0)
        other = openai.OpenAI(api_key="k", base_url=f"{service.url}/v1", max_retries=0)
        for name, answer in answers.items():
            timeout_s = 0.5 if name == "hang" else 60.0
            claude.enqueue(answer)
            found[f"anthropic {name}"] = raised(lambda timeout_s=timeout_s: ask(asked, timeout_s))
            if " " not in name:
                service.enqueue(answer)
                found[f"openai {name}"] = raised(lambda timeout_s=timeout_s: embed(other, timeout_s))
        claude.enqueue(Status(500), Status(429, headers={"retry-after-ms": "1"}))
        found["anthropic again"] = raised(lambda: ask(asked.with_options(max_retries=2), 60.0))
        service.enqueue(Status(500), Reset())
        found["openai again"] = raised(lambda: embed(other.with_options(max_retries=2), 60.0))
    return found


def error_codes() -> Iterable[tuple[int, str | None]]:
    """The errors that the anthropic client tells apart by more than the status, if this version does."""
    try:
        from anthropic._error_classes import ERROR_CLASSES
    except ImportError:
        return ()
    return ERROR_CLASSES


def ask(client: Any, timeout_s: float) -> object:
    messages = [{"role": "user", "content": "?"}]
    return client.messages.create(model="m", max_tokens=9, messages=messages, timeout=timeout_s).content[0].text


def embed(client: Any, timeout_s: float) -> object:
    return len(client.embeddings.create(model="m", input=["text"], timeout=timeout_s).data)


def raised(call: Callable[[], object]) -> str:
    try:
        return f"answer: {call()}"
    except Exception as error:
        kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__[:-3]]
        return " < ".join(kinds) + f", of {type(error.__cause__).__name__}"


def names_in(package: types.ModuleType) -> dict[str, str]:
    """Every name that it has, public or not, and what that is."""
    return {name: described(getattr(package, name)) for name in dir(package) if not name.startswith("__")}


def described(value: object) -> str:
    if type(value) is types.ModuleType:
        return f"module {value.__name__}"
    if issubclass(type(value), (type, types.FunctionType)):  # its type is asked: a proxy would load what it stands for
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    return repr(value) if type(value).__module__ == "typing" else f"a {type(value).__name__}"


if __name__ == "__main__":
    listed = json.loads(Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else None
    print(json.dumps(main(sys.argv[1], listed)))
