"""What a configuration makes: the sinks, who gets what, what nobody gets, and Claude."""

from __future__ import annotations

import re

from logwatchd.alerting.analysis import Analyst
from logwatchd.alerting.board import Services
from logwatchd.alerting.muting import Mute
from logwatchd.alerting.sink import JournalSink, Route, Sink
from logwatchd.config import Config
from logwatchd.config_alerting import MuteSettings, RoutedSettings, SinkSettings
from logwatchd.records import Severity


def services_of(config: Config, analyst: Analyst | None) -> Services:
    """Everything that messages and analyses need."""
    settings = config.settings
    routes = {sink.name: _route(sink) for sink in settings.sink}
    return Services(
        sinks=sinks_of(config),
        routes={"slack": _route(settings.slack), **routes},
        analyst=analyst,
        alert_within_s=settings.analysis.alert_within_s,
    )


def sinks_of(config: Config) -> list[Sink]:
    """The journal, then Slack, then the `[[sink]]` tables in their order."""
    return [JournalSink(), *_slack(config), *(_sink(config, settings) for settings in config.settings.sink)]


def made_of(config: Config) -> dict[str, object]:
    """What each of those sinks is made of, by its name: a sink of something else is another one."""
    settings, secrets = config.settings, config.secrets
    slack = (settings.slack, secrets.slack_webhook_url, secrets.slack_bot_token)
    own = {sink.name: (sink, secrets.sinks.get(sink.secret or "")) for sink in settings.sink}
    all_of = {JournalSink.name: None, "slack": slack, **own}
    return {sink.name: all_of[sink.name] for sink in sinks_of(config)}


def mutes_of(config: Config) -> tuple[Mute, ...]:
    """The `[[mute]]` tables, in their order."""
    return tuple(
        Mute(
            name=_name(mute, number),
            fingerprints=frozenset(mute.fingerprints),
            pattern=re.compile(mute.pattern) if mute.pattern else None,
            services=tuple(mute.services),
            sources=tuple(mute.sources),
            until=mute.until,
        )
        for number, mute in enumerate(config.settings.mute, start=1)
    )


def _name(mute: MuteSettings, number: int) -> str:
    return f"mute[{number}]" + (f" ({mute.reason})" if mute.reason else "")


def _route(settings: RoutedSettings) -> Route:
    return Route(Severity[settings.min_severity], tuple(settings.services), tuple(settings.sources))


def _slack(config: Config) -> list[Sink]:
    from logwatchd.alerting.slack import SlackBotSink, SlackSink

    settings, url, token = config.settings.slack, config.secrets.slack_webhook_url, config.secrets.slack_bot_token
    if not config.slack_enabled:
        return []
    if token is not None and settings.channel is not None:
        return [SlackBotSink(token, settings.channel, settings.base_url)]
    return [SlackSink(url)] if url is not None else []


def _sink(config: Config, settings: SinkSettings) -> Sink:
    from logwatchd.alerting import http_sinks, local_sinks, smtp

    name, url = settings.name, settings.url or ""
    secret = config.secrets.sinks.get(settings.secret or "")
    match settings.type:
        case "webhook":
            assert secret is not None  # the configuration was refused without it
            return http_sinks.WebhookSink(name, url, secret)
        case "alertmanager":
            return http_sinks.AlertmanagerSink(name, url, secret)
        case "pagerduty":
            assert secret is not None
            return http_sinks.PagerDutySink(name, settings.url, secret)
        case "command":
            return local_sinks.CommandSink(name, settings.command)
        case "email":
            server = smtp.MailServer(settings.host or "", settings.port, settings.tls, settings.username, secret)
            return local_sinks.EmailSink(name, server, settings.sender or "", settings.to)
