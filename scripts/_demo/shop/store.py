"""The shop's database: every question that is put to it, each over a connection of its own."""

from __future__ import annotations

import random
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from _demo.shop import stock

BUSY_TIMEOUT_S = 0.5


class Product(NamedTuple):
    id: int
    name: str
    cents: int
    grams: int
    pieces: int


class SoldOutError(Exception):
    """There are fewer pieces than somebody wants."""

    def __init__(self, product: Product, wanted: int) -> None:
        super().__init__(f"product {product.id} has {product.pieces} pieces left, {wanted} wanted")


class Store:
    """One SQLite file in WAL mode: readers never wait, writers wait for each other at most BUSY_TIMEOUT_S."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def create(self, chance: random.Random) -> None:
        """Make the file with its tables and their first content."""
        with self._connection() as database:
            database.execute("PRAGMA journal_mode = WAL")
            stock.fill(database, chance)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, rolled back on an error."""
        database = sqlite3.connect(self._file, timeout=BUSY_TIMEOUT_S)
        try:
            database.execute("PRAGMA synchronous = NORMAL")
            with database:
                yield database
        finally:
            database.close()

    def page(self, number: int, size: int) -> list[Product]:
        with self._connection() as database:
            rows = database.execute("SELECT * FROM products LIMIT ? OFFSET ?", (size, (number - 1) * size))
            return [Product(*row) for row in rows]

    def product(self, product: int) -> Product | None:
        with self._connection() as database:
            row = database.execute("SELECT * FROM products WHERE id = ?", (product,)).fetchone()
            return Product(*row) if row else None

    def stars(self, product: int) -> tuple[int, float]:
        """How many reviews a product has, and their mean."""
        with self._connection() as database:
            count, mean = database.execute(
                "SELECT COUNT(*), COALESCE(AVG(stars), 0) FROM reviews WHERE product = ?", (product,)
            ).fetchone()
            return count, mean

    def search(self, words: str) -> list[Product]:
        with self._connection() as database:
            where = " AND ".join("name LIKE ?" for _ in words.split()) or "1"
            rows = database.execute(
                f"SELECT * FROM products WHERE {where} LIMIT 50", [f"%{word}%" for word in words.split()]
            )
            return [Product(*row) for row in rows]

    def user_named(self, name: str) -> int | None:
        with self._connection() as database:
            row = database.execute("SELECT id FROM users WHERE name = ?", (name,)).fetchone()
            return row[0] if row else None

    def sign_in(self, user: int) -> str:
        """Open a session and return its token."""
        token = secrets.token_hex(16)
        with self._connection() as database:
            database.execute("INSERT INTO sessions VALUES (?, ?, ?)", (token, user, time.time()))
        return token

    def user_of(self, token: str) -> int | None:
        with self._connection() as database:
            row = database.execute("SELECT user FROM sessions WHERE token = ?", (token,)).fetchone()
            return row[0] if row else None

    def add_review(self, product: int, user: int, stars: int, text: str) -> int:
        with self._connection() as database:
            return _new_id(
                database.execute(
                    "INSERT INTO reviews (product, user, stars, text) VALUES (?, ?, ?, ?)", (product, user, stars, text)
                )
            )

    def take(self, items: list[tuple[int, int]]) -> list[Product]:
        """The products of an order, by (product, pieces).

        Raises:
            SoldOutError: there are not enough pieces. KeyError: there is no such product.
        """
        taken = []
        for number, pieces in items:
            product = self.product(number)
            if product is None:
                raise KeyError(number)
            if product.pieces < pieces:
                raise SoldOutError(product, pieces)
            taken.append(product)
        return taken

    def place_order(self, user: int, cents: int, city: str, items: list[tuple[int, int]]) -> int:
        """Write the order and take its pieces from the stock, in one transaction."""
        with self._connection() as database:
            order = _new_id(
                database.execute("INSERT INTO orders (user, cents, city, day) VALUES (?, ?, ?, 0)", (user, cents, city))
            )
            for product, pieces in items:
                database.execute("INSERT INTO items VALUES (?, ?, ?)", (order, product, pieces))
                database.execute("UPDATE products SET pieces = MAX(0, pieces - ?) WHERE id = ?", (pieces, product))
            return order

    def order(self, order: int) -> tuple[int, str, int] | None:
        """An order's sum in cents, its city, and how many different products it holds."""
        with self._connection() as database:
            row = database.execute(
                "SELECT cents, city, (SELECT COUNT(*) FROM items WHERE order_id = orders.id) FROM orders WHERE id = ?",
                (order,),
            ).fetchone()
            return (row[0], row[1], row[2]) if row else None

    def sales(self, days: int) -> list[tuple[str, int, int]]:
        """Items and turnover in cents by city over the last days; it reads every order, so it takes its time."""
        with self._connection() as database:
            return database.execute(
                "SELECT city, COUNT(*), SUM(items.pieces * products.cents) FROM orders"
                " JOIN items ON order_id = orders.id JOIN products ON products.id = items.product"
                " WHERE day < ? GROUP BY city ORDER BY 3 DESC",
                (days,),
            ).fetchall()

    def end_sessions(self, older_than_s: float) -> tuple[int, int]:
        """Remove idle sessions; how many were removed, and how many are left."""
        with self._connection() as database:
            removed = database.execute("DELETE FROM sessions WHERE seen < ?", (time.time() - older_than_s,)).rowcount
            return removed, database.execute("SELECT COUNT(*) FROM sessions").fetchone()[0]

    def restock(self, below: int, to: int) -> list[Product]:
        """Fill up what runs low; the products as they were before."""
        with self._connection() as database:
            rows = database.execute("SELECT * FROM products WHERE pieces < ?", (below,)).fetchall()
            database.execute("UPDATE products SET pieces = ? WHERE pieces < ?", (to, below))
            return [Product(*row) for row in rows]


def _new_id(cursor: sqlite3.Cursor) -> int:
    """The row's id; an INSERT that succeeded always has one."""
    assert cursor.lastrowid is not None
    return cursor.lastrowid
