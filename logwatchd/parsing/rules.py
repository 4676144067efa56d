"""The masks: what varies from line to line without changing what the line says.

They see keys (see `keys`): every digit that does not carry meaning is a '0' there. Order matters: what is more specific
comes first. Each rule has a reason and an example, which the tests run.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from logwatchd.parsing.hints import Hint, containing, matching, shaped

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"00[:.]00[:.]00(?:[.,:]0{1,9})?"
# PostgreSQL's and date's stamps name the zone, which in many places is another one in summer.
_ZONES = "UTC|GMT|[ECMP][SD]T|[CEW]ES?T|A[CEKW]?[SD]T|NZ[SD]T|H[SK]T|[BIJK]ST|SAST|SGT|MSK"
_ZONE = rf"(?: ?Z\b| ?[+-]00:?00\b| (?:{_ZONES})\b)?"
_DURATIONS = "ns|us|µs|ms|sec|secs|seconds?|min|mins|minutes?|hours?|days?|s|h|m"
_SIZES = "[kKMGTP]i?B|[Bb]ytes?|[KMGT]"
# What, after a number and a blank, a mask takes as well.
AFTER_NUMBERS = rf"(?:{_DURATIONS}|{_SIZES}|Z|{_ZONES}|[AP]M)\b"
# Those that are no file's ending as well: 'py', 'sh' and 'pl' are countries, too.
_TOP_DOMAIN = (
    r"(?:com|net|org|edu|gov|mil|int|info|biz|co|io|dev|cloud|uk|de|fr|nl|eu|us|ca|au|jp|cn|ru|br|in|it|es|se|no|fi|dk"
    r"|ch|at|be|ie|nz|kr|za|mx|cz|hu|pt|gr|tr|il|sg|hk|tw|ua|ro|local|internal|lan|localdomain)"
)

# What follows the '@' in the name of one instance of a unit of systemd: that is a service's name, and nobody's address.
UNIT_INSTANCE = (
    r"[\w.:\\-]{0,255}\.(?:service|socket|timer|target|mount|automount|slice|scope|swap|path|device)(?![\w-]|\.\w)"
)

_IDENTITY = (
    r"id|uuid|guid|uid|user|username|login|account|customer|email|host|hostname|node|pod|container|instance|replica|ip"
    r"|addr|address|client|remote|peer|session|token|url|uri|path|file|filename|query|useragent|user_agent"
    r"|referer|referrer|sha|digest|hash"
)
_IDENTITY_NAME = rf"(?:[\w.-]{{0,64}}[._-])?(?:{_IDENTITY})"
_IDENTITY_VALUE = r"""("?)(?:(?<=")[^"\n]{1,2048}(?=")|(?<!")[^\s"',;)\]}]{1,512})"""
_HEX_NUMBER = (
    r"\b0x[0a-fA-F]+\b|(?<![0A-Za-z.])(?=[a-f]{0,8}0)[0a-f]{8}\.(?=[a-f]{0,8}0)[0a-f]{1,8}(?![0A-Za-z.])"
    r"|(?<![0A-Za-z<])(?=0{0,64}[a-fA-F])"
    r"(?:(?=[a-fA-F]{0,64}0)(?:[0a-f]{7,128}|[0A-F]{7,128})|[a-f]{8,128})(?![0A-Za-z>])"
    r"|(?<==)(?=[a-f]{0,8}0)(?=0{0,8}[a-f])[0a-f]{2,8}(?=[\s,;)\]}\"']|$)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One mask. example: (raw line, its pattern under all rules).

    hint: in which texts of a block, by their numbers, it may find something; soon asked. None: it is as soon applied.
    quick: finds what `pattern` finds after BETWEEN, sooner.
    """

    name: str
    pattern: re.Pattern[str]
    token: str
    reason: str
    example: tuple[str, str]
    hint: Hint | None = None
    quick: re.Pattern[str] = field(kw_only=True)


def _rule(
    name: str,
    pattern: str,
    token: str,
    reason: str,
    raw: str,
    masked: str,
    hint: Hint | None = None,
    quick: str = "",
) -> Rule:
    finds = re.compile(pattern)
    return Rule(name, finds, token, reason, (raw, masked), hint, quick=re.compile(quick) if quick else finds)


RULES: tuple[Rule, ...] = (
    _rule(
        "uuid",
        r"(?<![0A-Za-z])[0a-fA-F]{8}-(?:[0a-fA-F]{4}-){3}[0a-fA-F]{12}(?![0A-Za-z])",
        "<UUID>",
        "names one object, never a kind of event",
        "deleting 54fadb41-2c4e-40cd-baed-9335e4c35a9e",
        "deleting <UUID>",
        hint=shaped("-hhhh-"),
    ),
    _rule(
        "iso-time",
        rf"\b(?:0000-00-00|0000/00/00|0000\.00\.00|00/00/00)(?:[T _-]{_CLOCK}{_ZONE})?(?![0A-Za-z])",
        "<TIME>",
        "when, not what: ISO 8601, nginx's and Spark's dates, Blue Gene's stamps",
        "at 2015-10-18T18:01:47,978+02:00 done, was 17/06/09 20:10:40",
        "at <TIME> done, was <TIME>",
        quick=rf"0(?<!\w0)(?:000-00-00|000/00/00|000\.00\.00|0/00/00)(?:[T _-]{_CLOCK}{_ZONE})?(?![0A-Za-z])",
    ),
    _rule(
        "text-time",
        rf"\b(?:{_DAY},? )?(?:00?[ /-]{_MONTH}(?:[ /-]0{{1,4}})?[: ]|{_MONTH} {{1,2}}00?,? (?:0000 )?)"
        rf"0?{_CLOCK[1:]}{_ZONE}(?: 0000\b| [AP]M\b)?",
        "<TIME>",
        "when, not what: syslog's, Apache's and ctime's stamps, Tomcat's and java.util.logging's",
        "[Sun Dec 04 04:47:44 2005] [21/Jan/2022:05:55:22 +0000] 11-Mar-2026 17:34:08.123 Mar 1, 2026 5:34:08 PM"
        " Jun  9 06:06:20",
        "[<TIME>] [<TIME>] <TIME> <TIME> <TIME>",
        hint=matching(r"0[:.]00[:.]00"),
    ),
    _rule(
        "plain-time",
        rf"\b(?:000000 000000(?= )|0{{8}}[ -]00?:00?:00?(?:[.,:]0{{1,9}})?|[EWIF]0{{1,8}} {_CLOCK}"
        rf"|00:00:00(?:[.,]0{{1,9}})?{_ZONE})(?![0A-Za-z:])",
        "<TIME>",
        "when, not what: HDFS's and klog's stamps, times without a date",
        "081109 203615 148 INFO, next at 20:36:15.100",
        "<TIME> <N> INFO, next at <TIME>",
        hint=matching(r"00[:.]00[:.]00|000000[ ]000000|00000000[ -]00?:00?:00?"),
    ),
    _rule(
        "identity",
        rf'((?:^|[\s,{{;(\[])(?:"{_IDENTITY_NAME}s?"\s?:\s?|{_IDENTITY_NAME}=)){_IDENTITY_VALUE}',
        r"\1\2<V>",
        "in JSON and logfmt the field says that its value names one object or person",
        '{"user": "anna", "msg": "paid"} request_id=k3-abz client.ip="unknown host" state=lost',
        '{"user": "<V>", "msg": "paid"} request_id=<V> client.ip="<V>" state=lost',
        # The end of the name and what follows it, read backwards: that begins with what is rarer than letters.
        hint=matching(rf""":\s?"s?(?:{_IDENTITY[::-1]})|=(?:{_IDENTITY[::-1]})""", backwards=True),
        quick=rf'([\s,{{;(\[](?:"(?=[\w.-]++"){_IDENTITY_NAME}s?"\s?:\s?|(?=[\w.-]++=){_IDENTITY_NAME}=))'
        + _IDENTITY_VALUE,
    ),
    _rule(
        "request",
        r'"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|[A-Z]{3,7}) /[^"\n]*"',
        r'"\1 <PATH>"',
        "the target is what strangers ask for; what the service says of it is the status, which is kept",
        '"GET /v2/54fadb41/servers/detail?limit=1 HTTP/1.1" status: 200 len: 1893',
        '"GET <PATH>" status: 200 len: <N>',
    ),
    _rule(
        "web-address",
        r"(://[\w.@:%-]{1,255})/[^\s\"'<>)\]}]*",
        r"\1/<PATH>",
        "as request: which page of a site; which site is left to the masks of hosts",
        "fetched https://pypi.org/simple/rich/?page=2 from http://127.0.0.1:8080/",
        "fetched https://pypi.org/<PATH> from http://<IP>/<PATH>",
        hint=containing("://"),
    ),
    _rule(
        "path",
        r"(?<![\w<./>])/(?:[\w\-.+@:]{1,255}/{1,8}){1,64}(?=[\w\-.+@:]|[\s\"',;)\]]|$)",
        "<PATH>/",
        "folders are the installation's choice; the last name says which program or file",
        "cannot stat /var/lib/app/3/cache.db",
        "cannot stat <PATH>/cache.db",
        quick=r"/(?<![\w<./>]/)(?:[\w\-.+@:]{1,255}/{1,8}){1,64}(?=[\w\-.+@:]|[\s\"',;)\]]|$)",
    ),
    _rule(
        "mktemp",
        r"(?<=<PATH>/)([\w-]{1,64}\.)(?=[A-Za-z0][a-z0]{0,11}[A-Z])(?=[A-Z0]{0,11}[a-z])[A-Za-z0]{6,12}(?![\w.-])",
        r"\1<ID>",
        "a temporary file's random ending, by the capitals inside of it",
        "building in /tmp/build.AiIAthOp from /usr/share/doc/README.Debian",
        "building in <PATH>/build.<ID> from <PATH>/README.Debian",
        hint=containing("<PATH>/"),
    ),
    _rule(
        "mac",
        r"\b[0a-fA-F]{2}(?:[:-][0a-fA-F]{2}){5}\b",
        "<MAC>",
        "names one network card",
        "DHCPREQUEST from fa:16:3e:7a:0c:11",
        "DHCPREQUEST from <MAC>",
        hint=shaped("-hh-hh-"),
    ),
    _rule(
        "ipv4",
        r"(?<![\w.])0{1,3}(?:\.0{1,3}){3}(?:[:/]0{1,5})?(?![\w.]\w)",
        "<IP>",
        "names one machine; which one is a matter for the incident, not for the pattern",
        "rhost=218.188.2.4 to 10.0.0.7:53017",
        "rhost=<IP> to <IP>",
        quick=r"0(?<![\w.]0)0{0,2}(?:\.0{1,3}){3}(?:[:/]0{1,5})?(?![\w.]\w)",
    ),
    _rule(
        "ipv6",
        r"(?<![\w:])(?=[:a-fA-F]{0,4}0|[0a-fA-F]{1,4}::?[0a-fA-F])(?:[0a-fA-F]{1,4}(?::[0a-fA-F]{1,4}){3,7}"
        r"|(?:[0a-fA-F]{1,4}(?::[0a-fA-F]{1,4}){0,6})?::(?:[0a-fA-F]{1,4}(?::[0a-fA-F]{1,4}){0,6})?)(?![\w:])",
        "<IP>",
        "as ipv4",
        "peer fe80::f816:3eff:fe7a:c11 up",
        "peer <IP> up",
        hint=matching("::|:[0a-fA-F]{1,4}:"),
    ),
    _rule(
        "email",
        rf"(?<![\w.+-])[\w+-]{{1,64}}(?:\.[\w+-]{{1,64}}){{0,8}}@(?!{UNIT_INSTANCE})[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}",
        "<EMAIL>",
        "names one person; a unit of systemd names a service",
        "mail to jo.doe@example.org bounced, postgresql@15-main.service failed",
        "mail to <EMAIL> bounced, postgresql@<N>-main.service failed",
        hint=matching(r"@[\w-]{1,63}\."),
    ),
    _rule(
        "host",
        rf"(?<![\w.@<>-])(?<![^/]/)(?!(?:com|org|net|edu|gov|io|java|javax)\.)(?:[a-z0][a-z0-]{{0,62}}\.){{2,8}}{_TOP_DOMAIN}"
        r"(?![\w(-]|\.\w)",
        "<HOST>",
        "as ipv4: three parts or more that end in a top-level domain, but no reversed one, which names a package",
        "mirror.san.fastserv.com answered ip-10-0-0-1.ec2.internal, not org.apache.commons.io",
        "<HOST> answered <HOST>, not org.apache.commons.io",
        hint=matching(rf"\.{_TOP_DOMAIN}(?![\w(-])"),
    ),
    _rule(
        "slot",
        r"\b[A-Z]0{1,4}-[A-Z]0{0,4}(?:[-:][A-Z][A-Za-z]?0{0,4}){0,8}\b",
        "<SLOT>",
        "names a card in a slot of a rack; beyond nine they count in letters",
        "R04-M1-NB-C:J16-U01 failed",
        "<SLOT> failed",
        hint=matching("0-[A-Z]"),
    ),
    _rule(
        "hex",
        _HEX_NUMBER,
        "<N>",
        "addresses, digests and ids: a number, whatever its base (some of them happen to have no letter); PostgreSQL's"
        " sessions are two of them",
        "at 0x7fff2a10 tenant 54fadb412c4e40cdbaed9335e4c35a9e a1=dd5c0 in c0719c36_e330b73e of 6560a1b2.10fd",
        "at <N> tenant <N> a<N>=<N> in <N>_<N> of <N>",
        hint=shaped("hhhhhhh", "=hh", or_containing="0x"),
        quick=rf"(?<![0A-Za-z])(?=[0a-fA-F])(?:{_HEX_NUMBER})",
    ),
    _rule(
        "pod",
        r"(?:(?<=<N>-)[b-df-hj-np-tv-xz0]{1,5}|(?<=[a-z]-0-)[b-df-hj-np-tv-xz0]{5}"
        r"|(?<=kube-api-access-)[b-df-hj-np-tv-xz0]{1,5})(?![\w.-])",
        "<ID>",
        "what Kubernetes adds to a name, behind a template's hash, a job's minute or in a token's name: five letters"
        " and digits, no vowels (of digits at its end one is left)",
        "pods shop-7d9c5b8f6d-xsmwz backup-28945620-x2x9k volume kube-api-access-b4kzq, not redirect-https",
        "pods shop-<N>-<ID> backup-<N>-<ID> volume kube-api-access-<ID>, not redirect-https",
        hint=containing("<N>-", "-0-", "kube-api-access-"),
    ),
    _rule(
        "prefixed-id",
        r"\b(txn|usr|user|req|ord|order|sess|session|cus|trace|span|job|task|pod|blk|i|vol|snap)"
        r"([_-])-?(?=[A-Za-z]{0,63}0)[A-Za-z0]{2,64}\b|\b(txn|usr)(_)[A-Za-z0]+\b",
        r"\1\3\2\4<ID>",
        "names one object of the kind that its prefix tells",
        "txn_8a7dk charged usr_anna, blk_-1608999687919862906",
        "txn_<ID> charged usr_<ID>, blk_<ID>",
        hint=matching(
            "[_-](?<=[bdeiklnpqrs].)(?:(?<=(?:txn|usr|req|ord|cus|job|pod|blk|vol).)|(?<=(?:user|sess|span|task|snap).)"
            r"|(?<=(?:order|trace).)|(?<=session.)|(?<=\bi.))"
        ),
    ),
    _rule(
        "duration",
        rf"(?<![\w.<])0+(?:[.,]0+)? ?(?:{_DURATIONS})\b",
        "<DURATION>",
        "how long is a measurement",
        "took 12ms, then 3.5 seconds",
        "took <DURATION>, then <DURATION>",
        quick=rf"0(?<![\w.<]0)0*(?:[.,]0+)? ?(?:{_DURATIONS})\b",
    ),
    _rule(
        "size",
        rf"(?<![\w.<])0+(?:[.,]0+)? ?(?:{_SIZES})(?:/s)?\b",
        "<SIZE>",
        "how much is a measurement",
        "free 12.5 MB of 3GB, read 512 bytes",
        "free <SIZE> of <SIZE>, read <SIZE>",
        quick=rf"0(?<![\w.<]0)0*(?:[.,]0+)? ?(?:{_SIZES})(?:/s)?\b",
    ),
    _rule(
        "random-word",
        r"(?<![\w<])(?=[A-Za-z]{0,63}0+[A-Za-z]{1,63}0)"
        r"(?:[A-Za-z]{1,8}0{1,8}|0{1,8}[A-Za-z]{1,8}|(?=[A-Z0]{20})[A-Z]{9,32}0{1,8})[A-Za-z0]{4,128}(?![\w>])",
        "<ID>",
        "letters and digits in turn: a random name, not a word; in base 32 many letters may stand before a digit",
        "session k3J9x2Qa opened by NDQZKVBXRAPTGL7WXJ3MHY5UCEFS",
        "session <ID> opened by <ID>",
        hint=matching("0[A-Za-z]+0"),
    ),
    _rule(
        "number",
        r"(?:(?<![\w<])[-+])?0+(?:(?:[.,:/x_-]|(?<=0)[eE][+-]?)0+)*",
        "<N>",
        "a count, an id, a pid, a version; those that carry meaning were kept before",
        "worker[1934] v1.10.2: 3/16 done, 1024x768, -5 left on node12",
        "worker[<N>] v<N>: <N> done, <N>, <N> left on node<N>",
        quick=r"(?:-(?<![\w<]-)0|\+(?<![\w<]\+)0|0)0*(?:(?:[.,:/x_-]|(?<=0)[eE][+-]?)0+)*",
    ),
    _rule(
        "ruler",
        r"([-=*_#.~+])\1{3,}",
        r"\1\1\1\1",
        "a line drawn across a terminal; its length follows the text beside it",
        "TASK [deploy] ****************",
        "TASK [deploy] ****",
        hint=containing("----", "====", "****", "____", "~~~~", "####", "....", "++++"),
    ),
)


def ruleset_version(rules: tuple[Rule, ...] = RULES) -> str:
    """A hash of what the rules do: two baselines compare only when it is equal."""
    text = "\n".join(f"{rule.name}\t{rule.pattern.pattern}\t{rule.token}" for rule in rules)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
