"""Any service that takes JSON by POST, on loopback: a webhook's receiver, Alertmanager, PagerDuty."""

from __future__ import annotations

from tests.fakes.server import Answer, FakeService, Reply, Request, Status


class FakeHook(FakeService):
    """Takes what is sent to `path`, and knows no other."""

    def __init__(self, path: str) -> None:
        self._path = path
        super().__init__()

    def well(self, request: Request) -> Answer:
        return Reply({"status": "success"}) if request.path == self._path else Status(404)
