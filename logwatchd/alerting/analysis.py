"""Claude's words on an incident, through the anthropic client's structured output."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from logwatchd.alerting.following import lines_after
from logwatchd.alerting.leaving import safe_alert
from logwatchd.alerting.message import Story
from logwatchd.alerting.opening import Redact, as_it_is
from logwatchd.alerting.prompt import SYSTEM, Evidence, evidence_of
from logwatchd.alerting.text import clip, visible
from logwatchd.config_alerting import AnalysisSettings
from logwatchd.errors import LogwatchdError, PermanentError, RetryableError
from logwatchd.lean_imports import defer
from logwatchd.records import Alert, Analysis, Severity

if TYPE_CHECKING:
    import anthropic
    import httpx2

MAX_WORDS_CHARS = 1200
MAX_ITEMS = 5
MAX_EVIDENCE_CHARS = 400
_CHARS_A_TOKEN = 2.5  # of log lines: fewer than of prose
_READ, _WRITTEN = 0.1, 1.25  # of an input token's price: out of the prompt cache, and into it
_CONNECT_S = 5.0
_MAX_ANSWER_BYTES = 4 << 20
_MEND_KEY = "mend the anthropic_api_key credential or ANTHROPIC_API_KEY"
_NO_LONGER_BUSY = frozenset({408, 409, 429})

defer("anthropic")  # of its modules one in four is needed here


class NoAnswerError(LogwatchdError):
    """Claude answered, but not in a way that can be used: a refusal, or no such structure."""


def _all_required(schema: dict[str, Any]) -> None:
    """Claude fills in every field; an answer without the newer ones is taken all the same."""
    schema["required"] = list(schema["properties"])


class Words(BaseModel):
    """The structure of the answer."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, json_schema_extra=_all_required)

    outcome: Literal["cause", "inconclusive"] = "cause"
    likely_cause: str = Field(min_length=1, description="What probably caused this line, in one or two sentences.")
    severity: Literal["P1-Critical", "P2-High", "P3-Medium", "P4-Low"]
    suggested_action: str = Field(min_length=1, description="What to check or do first, in one or two sentences.")
    confidence: Literal["high", "medium", "low"] = "medium"
    check_also: list[str] = Field(default=[], description="Up to three short items.")
    evidence: list[str] = Field(default=[], description="Ids of the lines that the cause rests on, such as A1 or B3.")


@dataclass(frozen=True, slots=True)
class Answer:
    """An analysis, and what it cost in dollars."""

    analysis: Analysis
    usd: float


class Analyst:
    """Asks Claude; one for each configuration. Thread-safe."""

    def __init__(self, settings: AnalysisSettings, api_key: SecretStr, redact: Redact = as_it_is) -> None:
        """redact: takes secrets out of lines that are read for the analysis alone, and out of the answer."""
        self.settings = settings
        self._settings = settings
        self._redact = redact
        self._api_key = api_key
        self._lock = threading.Lock()
        self._client: anthropic.Anthropic | None = None

    def most_usd(self, alert: Alert) -> float:
        """What an analysis of this alert may cost at the most, roughly."""
        tokens = (len(SYSTEM) + len(evidence_of(alert).text)) / _CHARS_A_TOKEN
        settings = self._settings
        return (tokens * settings.usd_per_million_input + settings.max_tokens * settings.usd_per_million_output) / 1e6

    def analyse(self, alert: Alert, timeout_s: float, story: Story | None = None, why: str = "") -> Answer:
        """What Claude makes of an alert.

        Args:
            story: the incident so far. why: that it was over and came back, or ''.
            timeout_s: for connecting, until the answer begins, and again for its body; the caller bounds the whole.

        Raises:
            RetryableError: too busy, down or unreachable, or no answer of Claude's; the same call may succeed later.
            PermanentError: the key, the model or the request is refused, until somebody mends the configuration.
            NoAnswerError: the answer is a refusal or does not have the structure that was asked for.
            MemoryError: there is none left.
        """
        import anthropic

        from logwatchd.bounded_answers import UnusableAnswerError

        key = self._api_key.get_secret_value()
        if not (key.isascii() and key.isprintable()):
            raise PermanentError(f"the anthropic_api_key holds a character that no key has; {_MEND_KEY}, then reload")
        after = tuple(self._redact(line) for line in lines_after(alert, self._settings.lines_after))
        evidence = evidence_of(safe_alert(alert, self._redact), story, after, why)
        try:
            message = self._get_client().messages.parse(
                model=self._settings.model,
                max_tokens=self._settings.max_tokens,
                system=[{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
                messages=[{"role": "user", "content": evidence.text}],
                output_format=Words,
                timeout=anthropic.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            )
            words = message.parsed_output
        except anthropic.APIStatusError as error:
            raise self._of_status(error) from None
        except anthropic.APIConnectionError as error:  # timeouts, too
            if isinstance(error.__cause__, UnusableAnswerError):
                raise RetryableError(f"{self._where()} gives {error.__cause__}: look at analysis.base_url") from None
            reason = type(error.__cause__ or error).__name__
            raise RetryableError(f"no answer from {self._where()} ({reason})") from None
        except MemoryError:
            raise
        except Exception as error:  # the client's parser raises what it meets: no JSON, other fields, a cut-off answer
            raise NoAnswerError(
                f"the answer of {self._settings.model} has not the structure asked for ({type(error).__name__})"
            ) from None
        if message.stop_reason == "refusal":
            raise NoAnswerError(f"{self._settings.model} declined to answer")
        if words is None:
            raise NoAnswerError(f"the answer of {self._settings.model} is empty (stop reason {message.stop_reason})")
        return Answer(self._checked(words, evidence, str(message.model)), self._cost(message.usage))

    def _checked(self, words: Words, evidence: Evidence, model: str) -> Analysis:
        """The answer, with ids that were sent and no others; a cause that names none of the lines is a guess."""
        named = [evidence.lines[id] for id in dict.fromkeys(words.evidence) if id in evidence.lines]
        unfounded = bool(words.evidence) and not named
        return Analysis(
            likely_cause=self._tidy(words.likely_cause),
            severity=Severity(words.severity),
            suggested_action=self._tidy(words.suggested_action),
            model=visible(clip(model, 100)),
            confidence="low" if unfounded else words.confidence,
            check_also=tuple(self._tidy(item) for item in words.check_also[:MAX_ITEMS] if item.strip()),
            evidence=tuple(clip(line, MAX_EVIDENCE_CHARS) for line in named[:MAX_ITEMS]),
            conclusive=words.outcome == "cause",
        )

    def _cost(self, usage: anthropic.types.Usage) -> float:
        settings = self._settings
        read = usage.input_tokens + _READ * (usage.cache_read_input_tokens or 0)
        read += _WRITTEN * (usage.cache_creation_input_tokens or 0)
        return (read * settings.usd_per_million_input + usage.output_tokens * settings.usd_per_million_output) / 1e6

    def _tidy(self, text: str) -> str:
        """A model's words, which may repeat a foreign line: one paragraph, nothing hidden in it, of bounded length."""
        return clip(visible(self._redact(" ".join(text.split()))), MAX_WORDS_CHARS)

    def _get_client(self) -> anthropic.Anthropic:
        import anthropic

        from logwatchd.bounded_answers import ASK_FOR

        with self._lock:
            if self._client is None:
                # The worker pool retries by itself: it can meanwhile deliver other alerts.
                client = anthropic.Anthropic(
                    api_key=self._api_key.get_secret_value(),
                    base_url=self._settings.base_url,
                    max_retries=0,
                    http_client=anthropic.DefaultHttpxClient(headers=ASK_FOR, event_hooks={"response": [_bound]}),
                )
                _ = client.messages  # which imports hundreds of modules: in one thread, while the others wait
                self._client = client
            return self._client

    def _where(self) -> str:
        return str(self._get_client().base_url.host)

    def _of_status(self, error: anthropic.APIStatusError) -> LogwatchdError:
        status = error.status_code
        said = f"{self._where()} says {status}"
        if status in _NO_LONGER_BUSY or status >= 500:
            return RetryableError(said, _seconds(error.response.headers.get("retry-after")))
        match status:
            case 401:
                mend = f"the key is wrong: {_MEND_KEY}"
            case 402:
                mend = "the account has no credit: mend its billing"
            case 403:
                mend = "the key may not use it: mend its rights, or take another one as anthropic_api_key"
            case 404:
                mend = f"analysis.model = '{self._settings.model}' is not known there: mend it, or analysis.base_url"
            case _:
                mend = f"the request was refused ({error.type or 'no reason given'}): look at [analysis]"
        return PermanentError(f"{said}; {mend}, then reload")


def _bound(response: httpx2.Response) -> None:
    """The whole body in the time that its request allows between two pieces of it."""
    from logwatchd.bounded_answers import bound

    bound(response, _MAX_ANSWER_BYTES, response.request.extensions["timeout"]["read"])


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
