"""A hundred secrets and identifiers as they turn up in log lines: (line, what must not leave). All are made up."""

from __future__ import annotations

import random
import re
import string

_CHANCE = random.Random()


def _any(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_CHANCE.choice(alphabet) for _ in range(length))


def _hex(length: int) -> str:
    return _any(length, "0123456789abcdef")


def _card(prefix: str, length: int = 16) -> str:
    """A number with a card's check digit."""
    body = prefix + _any(length - len(prefix) - 1, string.digits)
    total = sum(sum(divmod(int(char) * (2 - place % 2), 10)) for place, char in enumerate(reversed(body)))
    return body + str(-total % 10)


def _grouped(number: str, by: str) -> str:
    return by.join(number[at : at + 4] for at in range(0, len(number), 4))


def planted(seed: int) -> tuple[tuple[str, str], ...]:
    """Others of the same forms with each seed."""
    _CHANCE.seed(seed)
    forms = [
        ("aws key {} refused", "AKIA" + _any(16, string.ascii_uppercase + string.digits)),
        ("assumed with {}", "ASIA" + _any(16, string.ascii_uppercase + string.digits)),
        ("aws_secret_access_key = {}", _any(40)),
        ("push with {} failed", "ghp_" + _any(36)),
        ("clone https://{}@github.com/x/y failed", "gho_" + _any(36)),
        ("token {} has no scope", "github_pat_" + _any(22) + "_" + _any(59)),
        ("gitlab says 401 for {}", "glpat-" + _any(20)),
        ("runner token {}", "glrt-" + _any(20)),
        ("slack: invalid_auth {}", "xoxb-" + _any(12, string.digits) + "-" + _any(12, string.digits) + "-" + _any(24)),
        ("slack app {}", "xapp-1-A" + _any(10) + "-" + _any(13, string.digits) + "-" + _hex(32)),
        ("POST {} 404", "https://hooks.slack.com/services/T" + _any(8) + "/B" + _any(8) + "/" + _any(24)),
        ("POST https://discord.com/api/webhooks/{} 401", _any(18, string.digits) + "/" + _any(60)),
        ("stripe key {} is live", "sk_live_" + _any(24)),
        ("stripe restricted {}", "rk_test_" + _any(24)),
        ("webhook secret {}", "whsec_" + _any(32)),
        ("anthropic: 401 for {}", "sk-ant-api03-" + _any(60)),
        ("openai: wrong key {}", "sk-proj-" + _any(48)),
        ("legacy {}", "sk-" + _any(48)),
        ("maps {}", "AIza" + _any(35)),
        ("oauth {}", "ya29." + _any(60)),
        ("client {}", "GOCSPX-" + _any(28)),
        ("sendgrid {}", "SG." + _any(22) + "." + _any(43)),
        ("twilio {}", "SK" + _hex(32)),
        ("mailchimp {}", _hex(32) + "-us12"),
        ("mailgun {}", "key-" + _hex(32)),
        ("npm publish with {}", "npm_" + _any(36)),
        ("twine: {}", "pypi-" + _any(80)),
        ("docker login {}", "dckr_pat_" + _any(27)),
        ("hub {}", "hf_" + _any(34)),
        ("droplet {}", "dop_v1_" + _hex(64)),
        ("shopify {}", "shpat_" + _hex(32)),
        ("square {}", "sq0atp-" + _any(22)),
        ("vault {}", "hvs." + _any(24)),
        ("jira {}", "ATATT3xFfGF0" + _any(60)),
        ("grafana {}", "glsa_" + _any(32) + "_" + _hex(8)),
        ("databricks {}", "dapi" + _hex(32)),
        ("bot {} blocked", _any(9, string.digits) + ":AA" + _any(33)),
        ("jwt {} expired", "eyJhbGciOiJIUzI1NiJ9.eyJ" + _any(30) + "." + _any(43)),
        ("Authorization: Bearer {}", _any(40)),
        ("> authorization: Basic {}", _any(22) + "=="),
        ("proxy-authorization: {}", _any(30)),
        ("X-Api-Key: {}", _any(32)),
        ('"authorization": "Token {}"', _hex(40)),
        ("sent bearer {} twice", _any(30) + "9"),
        ("Cookie: sid={}", _any(32)),
        ("Set-Cookie: session={}; HttpOnly", _any(32)),
        ("dsn postgres://app:{}@db:5432/shop", _any(12)),
        ("redis://:{}@cache:6379/0", _any(14)),
        ("amqp://guest:{}@mq/", _any(10)),
        ("mongodb+srv://root:{}@cluster0.example.net", _any(16)),
        ("https://user:{}@example.org/path", _any(11)),
        ("password={}", _any(10)),
        ("Password: {}", _any(10)),
        ("passwd='{}'", _any(12)),
        ('{{"password": "{}"}}', _any(12)),
        ('{{\\"password\\": \\"{}\\"}}', _any(12)),
        ("db_password={} host=db", _any(12)),
        ("SPRING_DATASOURCE_PASSWORD={}", _any(14)),
        ("pwd={};", _any(9)),
        ("secret => {}", _any(20)),
        ("client_secret={}&grant_type=x", _any(32)),
        ("GET /cb?access_token={} 302", _any(32)),
        ("GET /r?api_key={}&x=1 200", _any(32)),
        ("refresh_token: {}", _any(40)),
        ("apikey='{}'", _any(24)),
        ("private_key: {}", _any(44)),
        ("csrf_token={}", _any(32)),
        ("JSESSIONID={}", _any(32, string.ascii_uppercase + string.digits)),
        ("PHPSESSID={}", _any(26)),
        ("X-Amz-Signature={}", _hex(64)),
        ("AccountKey={}==;EndpointSuffix=core", _any(86)),
        ("SharedAccessKey={}=", _any(43)),
        ("otp={} sent", _any(6, string.digits)),
        ("cvv={} checked", _any(3, "123456789")),
        ("pin: {}", _any(4, "123456789")),
        ("the password is {}", _any(10)),
        ("login failed, token was {}", _any(16)),
        ("$ mysql -uroot -p{} shop", _any(10)),
        ("$ curl -u admin:{} http://x", _any(10)),
        ("$ sshpass -p {} ssh x".replace("-p {}", "-p{}"), _any(10)),
        ("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", _any(64)),
        ("-----BEGIN OPENSSH PRIVATE KEY----- {}", _any(70)),
        ("added ssh-ed25519 {} to keys", "AAAAC3NzaC1lZDI1NTE5AAAAI" + _any(43)),
        ("mail to {} bounced", "jo.doe@example.org"),
        ("from=<{}> size=12", "anna+list@mail.example.co.uk"),
        ("GET /u?email={} 200", "carla%40example.com"),
        ('{{"to": "{}"}}', "dieter_2@sub.example.de"),
        ("card {} declined", _card("4")),
        ("card {} declined", _grouped(_card("51"), " ")),
        ("pan={}", _grouped(_card("6011"), "-")),
        ("amex {}", _card("37", 15)),
        ("sms to {}", "+49 151 23456789"),
        ("called {}", "+1-202-555-0143"),
        ("call {} back", "(212) 555-0187"),
        ("fax 415-555-0132 {}".replace("415-555-0132 ", ""), "415-555-0199"),
        ("phone: {}", "030 1234567"),
        ('{{"msisdn": "{}"}}', "4915123456780"),
        ("ssn {} on file", "219-09-9999"),
        ("iban {} debited", "DE89370400440532013000"),
        ("iban {} debited", "GB29 NWBK 6016 1331 9268 19"),
        ("login user=zaphod{} ok", "beeblebrox"),
        ('{{"username": "{}"}}', "trillian.astra"),
        ("Failed password for invalid user {} from 1.2.3.4 port 22", "marvin42"),
        ("cannot read /home/{}/.ssh/config", "slartibart"),
        ("session opened for user {} by (uid=0)", "arthur.dent"),
        ("account_id='{}' closed", "acc-ford-prefect"),
    ]
    return tuple((form.format(secret), secret) for form, secret in forms)


PLANTED = planted(7)


def left_of(secret: str, text: str) -> list[str]:
    """Parts of a secret, of seven letters and digits, that stand in a text outside of its masks."""
    told = re.sub("<[a-z-]+>", "", text)
    words = re.findall(r"[A-Za-z0-9]+", secret)
    return [word[at : at + 7] for word in words for at in range(len(word) - 6) if word[at : at + 7] in told]
