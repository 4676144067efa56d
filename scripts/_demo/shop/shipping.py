"""The shop's upstream: a second HTTP service that says what a parcel costs.

Run: python -m _demo.shop.shipping --port N
"""

from __future__ import annotations

import argparse
import http.client
import json
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

TIMEOUT_S = 2.0
_NO_ANSWER = (OSError, http.client.HTTPException)


class ShippingError(Exception):
    """The shipping service gave no answer; its cause says why."""


class ShippingClient:
    """Asks the shipping service. Tries twice, since a service that restarts is away for a moment."""

    def __init__(self, address: str) -> None:
        self._address = address

    def quote_cents(self, grams: int, city: str) -> int:
        """What a parcel costs, in cents.

        Raises:
            ShippingError: no answer, twice.
        """
        try:
            return self._ask(grams, city)
        except _NO_ANSWER:
            time.sleep(0.05)
        try:
            return self._ask(grams, city)
        except _NO_ANSWER as error:
            raise ShippingError(f"shipping service at {self._address}: {error}") from error

    def _ask(self, grams: int, city: str) -> int:
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        try:
            connection.request("GET", f"/quote?grams={grams}&city={quote(city)}")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise http.client.HTTPException(f"status {answer.status}: {body[:80]!r}")
            return int(json.loads(body)["cents"])
        finally:
            connection.close()


def price_cents(grams: int, city: str) -> int:
    """By weight in steps of 500 g and by the city's zone, 1 to 5."""
    zone = 1 + zlib.crc32(city.lower().encode()) % 5
    return 290 + 120 * zone + 45 * (grams // 500)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        try:
            answer, status = {"cents": price_cents(int(asked["grams"][0]), asked["city"][0])}, 200
        except (KeyError, ValueError):
            answer, status = {}, 400
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """It keeps no log."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
