"""What no line may carry off the machine: formats of secrets and of people's identifiers.

A rule's whole match goes, or its group 'value' where it has one. Order matters: the first rule that matches a place has
it. Keys are looked for by their name; what has no name is known by its form only. In patterns a run of digits stands as
'000' (see `redaction.Redactor.masked`), so lengths are bounds and no exact ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from logwatchd.parsing.rules import UNIT_INSTANCE


def _always(text: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """kind: what the pseudonym says it was. holds: asked of each match as well. hint: in lower case, one of these has
    to be in a text for the rule to match; none: it is always tried."""

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    holds: Callable[[str], bool] = _always


def _luhn(text: str) -> bool:
    """Whether the digits are a card's: of its length and with its check digit."""
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    """Whether the check digits are right (ISO 13616)."""
    plain = re.sub(r"\W", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _phone(text: str) -> bool:
    return 8 <= sum(char.isdigit() for char in text) <= 15


def _opaque(text: str) -> bool:
    """Whether a value may be a secret: not a word of state, a placeholder or a mask."""
    plain = text.strip("\"'").lower()
    words = {
        "true",
        "false",
        "null",
        "none",
        "nil",
        "yes",
        "no",
        "invalid",
        "expired",
        "missing",
        "required",
        "unset",
        "ok",
    }
    return (
        len(plain) >= 3
        and plain not in words
        and not re.fullmatch(r"[*x.<>-]+|<[^>]*>|\[?redacted\]?|failed|error", plain)
    )


_SCHEME = r"(?:bearer|basic|digest|token|negotiate|apikey)\s"  # of an Authorization header, before its value
_QUOTED = r"""\\?"(?P<value>[^"\\]{1,4096})|'(?P<value2>[^']{1,4096})|(?P<value3>[^\s"',;&)}\]]{1,4096})"""
_SECRET_NAMES = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|apikey|access[_-]?key(?:[_-]?id)?|secret[_-]?key"
    r"|private[_-]?key|client[_-]?secret|auth[_-]?(?:key|token)|session(?:[_-]?(?:id|key|token))?|sessid"
    r"|phpsessid|jsessionid"
    r"|cookie|credentials?|signature|x-amz-signature|sig|sas|otp|pin|cvv|cvc|ssn|bearer"
    r"|refresh[_-]?token|id[_-]?token|csrf[_-]?token"
    r"|connection[_-]?string|account[_-]?key|shared[_-]?access[_-]?key|encryption[_-]?key|master[_-]?key"
    r"|webhook[_-]?(?:url|secret)"
)
_SUDO_FOLDER = r"(?-i:PWD)=/\S{0,512} ; (?-i:USER)="  # where sudo was called
_USER_NAMES = (
    r"(?:user|login|account|owner|customer|member|acct)(?:[_-]?(?:name|id))?|uid|logname|ruser"
    r"|(?:first|last|full)[_-]?name"
)

_NO_NAMES = (
    r"name|id|not|is|has|was|logged|with|and|in|from|agent|input|session|does|data|error|request|defined"
    r"|unknown|on|to|of"
)

RULES: tuple[Rule, ...] = (
    Rule(
        "private-key",
        re.compile(
            r"-{4,5}BEGIN [A-Z ]{0,40}PRIVATE KEY[A-Z ]{0,10}-{4,5}(?:[^-]+|-(?!-{3,4}(?:BEGIN|END) ))*"
            r"(?:-{4,5}END [A-Z ]{0,40}-{0,5}|(?=-{4,5}BEGIN )|\Z)"  # one of them fits: nothing is tried twice
        ),
        ("--begin",),
    ),
    # A key's inner lines, where each is a line of the log by itself: whole lines in base 64.
    Rule(
        "private-key",
        re.compile(r"^(?=[a-z0-9+/]*[A-Z])(?=[A-Z0-9+/]*[a-z])(?=[A-Za-z]*[0-9+/])[A-Za-z0-9+/]{40,100}={0,2}$", re.M),
    ),
    Rule(
        "password",
        re.compile(r"\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@\"']{0,256}:(?P<value>[^\s/@\"']{1,256})@", re.I),
        ("://",),
    ),
    Rule("token", re.compile(r"\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*){0,3}"), ("eyj",)),
    # In patterns, encoded data is one mask, and what is left beside it of a token that has several parts.
    Rule("token", re.compile(r"[\w.+/-]{0,255}<BLOB>(?:[\w.+/-]|<BLOB>){0,255}"), ("<blob>",)),
    Rule(
        "token",
        re.compile(
            r"\b(?:authorization|proxy-authorization|x-api-key|x-auth-token)[\"']?\s*[:=]\s*[\"']?"
            rf"(?:{_SCHEME}+)?(?P<value>(?!{_SCHEME})[\w+/=.~:-]{{4,4096}})",  # of what is redacted, none
            re.I,
        ),
        ("authorization", "x-api-key", "x-auth-token"),
    ),
    Rule(
        "token",
        re.compile(r"\b(?:bearer|basic)\s+(?P<value>(?=[\w+/=.~-]{0,64}[\d=+/._-])[\w+/=.~-]{8,4096})", re.I),
        ("bearer", "basic"),
    ),
    Rule(
        "cookie", re.compile(r"\b(?:set-)?cookie[\"']?\s*[:=]\s*[\"']?(?P<value>[^\r\n\"']{4,4096})", re.I), ("cookie",)
    ),
    Rule(
        "aws-key",
        re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|ANPA)[0-9A-Z]{12,64}\b"),
        ("akia", "asia", "abia", "acca", "aroa", "aida", "agpa", "anpa"),
    ),
    Rule("token", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,255}\b|\bgithub_pat_\w{20,255}\b"), ("gh", "github_pat_")),
    Rule("token", re.compile(r"\bgl(?:pat|ptt|dt|rt|oas|cbt|imt|ft|soat|agent)-[\w-]{16,128}"), ("gl",)),
    Rule(
        "token",
        re.compile(r"\bxox[abeoprs](?:-[A-Za-z0-9-]{6,250})+|\bxapp-\d{1,3}-[A-Za-z0-9-]{10,250}"),
        ("xox", "xapp-"),
    ),
    Rule(
        "webhook",
        re.compile(
            r"https://(?:hooks\.slack(?:-gov)?\.com|<HOST>)/(?:services|workflows|triggers)/[\w/+-]{8,256}", re.I
        ),
        ("hooks.slack", "<host>"),
    ),
    Rule(
        "webhook",
        re.compile(
            r"https://(?:[\w-]+\.)?(?:discord(?:app)?\.com/api/webhooks"
            r"|webhook\.office\.com/webhookb2)/[\w/@.-]{8,512}",
            re.I,
        ),
        ("webhook",),
    ),
    Rule(
        "token",
        re.compile(r"\b(?:sk|pk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,255}\b"),
        ("sk_", "pk_", "rk_", "whsec_"),
    ),
    Rule("token", re.compile(r"\bsk-(?:ant-|proj-|svcacct-|or-|admin-)?[\w-]{16,255}"), ("sk-",)),
    Rule(
        "token",
        re.compile(r"\bAIza[\w-]{30,80}|\bya(?:29|000)\.[\w-]{20,512}|\bGOCSPX-[\w-]{20,64}"),
        ("aiza", "ya29.", "ya000.", "gocspx-"),
    ),
    Rule("token", re.compile(r"\bSG\.(?:[\w-]{16,96}|0000)\.(?:[\w-]{16,192}|0000)"), ("sg.",)),
    Rule("token", re.compile(r"\b(?:SK|AC)[0-9a-f]{32}\b|\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-us\d{1,2}\b"), ()),
    Rule(
        "token",
        re.compile(
            r"\bnpm_[A-Za-z0-9]{24,128}\b|\bpypi-[\w-]{40,512}|\bdckr_pat_[\w-]{16,128}|\bhf_[A-Za-z0-9]{24,128}\b"
        ),
        ("npm_", "pypi-", "dckr_pat_", "hf_"),
    ),
    Rule(
        "token",
        re.compile(
            r"\bdo[opr]_v1_[0-9a-f]{40,64}\b|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b|\bsq0{1,3}[a-z]{3}-[\w-]{16,180}"
            r"|\bEAAA[\w-]{40,240}"
        ),
        ("_v1_", "shp", "sq0", "eaaa"),
    ),
    Rule(
        "token",
        re.compile(
            r"\bhv[sbr]\.[\w-]{20,300}|\bs\.(?=[A-Za-z]{0,71}\d)[A-Za-z0-9]{24,72}\b|\bATATT[\w=-]{20,300}|\bglsa_\w{24,128}"
            r"|\bdapi[0-9a-f]{32}\b|\blin_api_\w{24,180}|\bNRAK-[A-Z0-9]{20,81}\b"
        ),
        (),
    ),
    Rule("token", re.compile(r"(?<![\d:])\d{3,10}:AA[\w-]{28,80}"), (":aa",)),
    Rule(
        "key",
        re.compile(r"\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)=(?P<value>[\w+/=%&.-]{8,1024})", re.I),
        ("accountkey", "sharedaccess"),
    ),
    Rule("key", re.compile(r"\bssh-(?:rsa|ed25519|dss)\s+(?P<value>AAAA[\w+/=]{20,4096})"), ("ssh-",)),
    Rule(
        "password",
        re.compile(
            r"\b(?:mysql|psql|curl|wget|sshpass|redis-cli|ldapsearch|openssl)\b[^\r\n]{0,512}?\s(?:-p(?=\S)"
            r"|--pass(?:word)?[= ]|-u\s?[^\s:]{1,128}:|-a\s|-w\s)(?P<value>[^\s\"']{3,256})",
            re.I,
        ),
        ("mysql", "psql", "curl", "wget", "sshpass", "redis-cli", "ldapsearch", "openssl"),
    ),
    Rule(
        "secret",
        re.compile(
            rf"(?<![A-Za-z0-9])(?!{_SUDO_FOLDER})(?:{_SECRET_NAMES})\\?[\"']?\s{{0,4}}(?:=>|:="
            rf"|[=:])\s{{0,4}}(?:{_QUOTED})",
            re.I,
        ),
        (
            "pass",
            "pwd",
            "secret",
            "token",
            "key",
            "sess",
            "cookie",
            "credential",
            "sig",
            "sas",
            "otp",
            "pin",
            "cvv",
            "cvc",
            "ssn",
            "bearer",
            "connection",
            "webhook",
        ),
        _opaque,
    ),
    Rule(
        "secret",
        re.compile(
            r"\b(?:password|passphrase|secret|token|api key|passcode|pin)\s+(?:is|was|of"
            r"|for \S{1,64} is)\s+[\"']?(?P<value>[^\s\"',;]{3,256})",
            re.I,
        ),
        ("password", "passphrase", "secret", "token", "api key", "passcode", "pin"),
        _opaque,
    ),
    Rule(
        "email",
        re.compile(
            rf"(?<![\w.+-])[\w.+'-]{{1,64}}@(?!{UNIT_INSTANCE})[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}(?![\w@])"
        ),
        ("@",),
    ),
    Rule(
        "email",
        re.compile(
            r"(?<![\w.+-])[\w.+-]{1,64}(?:%40|%000(?!(?-i:[A-F]))|\\u0040)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?!\w)", re.I
        ),
        ("%40", "%000", "\\u0040"),
    ),
    Rule("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), (), _iban),
    Rule("card", re.compile(r"(?<![\w.-])\d{4}(?:[ -]?\d{2,7}){2,4}(?![\w-])(?!\.\d)"), (), _luhn),
    Rule("ssn", re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"), ("-",)),
    Rule("phone", re.compile(r"(?<![\w.+-])\+\d{1,3}[ .()/-]{0,3}\d(?:[ .()/-]{0,3}\d){6,13}(?!\w)"), ("+",), _phone),
    Rule(
        "phone",
        re.compile(r"(?<![\w.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?![\w-])(?!\.\d)"),
        ("-", "."),
        _phone,
    ),
    Rule(
        "phone",
        re.compile(
            r"\b(?:phone|tel|telephone|mobile|msisdn|fax|cell"
            r"|sms to)\\?[\"']?\s{0,2}[:=]?\s{0,2}\\?[\"']?(?P<value>\(?\d[\d ()./-]{5,20}\d)",
            re.I,
        ),
        ("phone", "tel", "mobile", "msisdn", "fax", "cell", "sms"),
        _phone,
    ),
    Rule(
        "user",
        re.compile(
            rf"(?<![A-Za-z0-9])(?:{_USER_NAMES})\\?[\"']?\s{{0,2}}[=:]"
            rf"(?!\s{{1,2}}[\w.-]{{1,64}}=)\s{{0,2}}(?:{_QUOTED})",
            re.I,
        ),
        ("user", "login", "account", "owner", "customer", "member", "uid", "logname", "acct", "name"),
        lambda text: _opaque(text) and any(char.isalpha() for char in text),
    ),
    Rule(
        "user",
        re.compile(
            r"\b(?:(?:invalid|illegal|unknown) user|for user|user) (?!=)['\"]?(?P<value>(?!(?:"
            + _NO_NAMES
            + r")\b)[A-Za-z][\w.@-]{1,63})"
            r"(?=['\"]?(?:\s(?:from|by|on|at|logged|failed|not|does|is|was|has)\b|['\"]|[,;:)]|$))"
        ),
        ("user ",),
    ),
    Rule(
        "user", re.compile(r"(?:/home/|/Users/)(?P<value>[A-Za-z][\w.-]{0,63})(?=[/\s\"':,]|$)"), ("/home/", "/users/")
    ),
)
