"""What the shop starts with: invented products, people and cities."""

from __future__ import annotations

import random
import sqlite3

MATERIALS = ("Oak", "Walnut", "Birch", "Copper", "Linen", "Wool", "Slate", "Cork", "Brass", "Clay", "Felt", "Willow")
THINGS = (
    "Bowl", "Lamp", "Stool", "Tray", "Blanket", "Basket", "Kettle", "Mirror", "Clock", "Shelf",
    "Vase", "Candle", "Cushion", "Bench", "Jug", "Board", "Hook", "Frame", "Rug", "Box",
)  # fmt: skip
GIVEN_NAMES = (
    "Ada", "Bela", "Carmen", "Dario", "Elif", "Farid", "Greta", "Hanna", "Ivo", "Jana", "Kenji", "Lena", "Mara",
    "Nils", "Olga", "Pavel", "Quinn", "Rosa", "Sami", "Tilda", "Ugo", "Vera", "Wanda", "Xenia", "Yara", "Zoltan",
)  # fmt: skip
FAMILY_NAMES = (
    "Adler", "Bauer", "Costa", "Demir", "Eklund", "Fontana", "Garcia", "Horvat", "Ito", "Jensen", "Kovacs", "Larsen",
    "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka", "Urban", "Varga", "Weber", "Yilmaz",
)  # fmt: skip
CITIES = (
    "Aarhus", "Bergen", "Bilbao", "Brno", "Cork", "Dresden", "Gdansk", "Ghent", "Graz", "Izmir", "Kaunas", "Leeds",
    "Lyon", "Malmo", "Nantes", "Oulu", "Pecs", "Porto", "Riga", "Split", "Tartu", "Turin", "Utrecht", "Vigo",
)  # fmt: skip

USERS = 560
ORDERS = 20_000
PASSWORD = "correct horse"  # everybody's: these people are invented

_SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL, grams INTEGER NOT NULL,
                       pieces INTEGER NOT NULL CHECK (pieces >= 0));
CREATE TABLE reviews (id INTEGER PRIMARY KEY, product INTEGER NOT NULL, user INTEGER NOT NULL, stars INTEGER NOT NULL,
                      text TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER NOT NULL, cents INTEGER NOT NULL, city TEXT NOT NULL,
                     day INTEGER NOT NULL);
CREATE TABLE items (order_id INTEGER NOT NULL, product INTEGER NOT NULL, pieces INTEGER NOT NULL);
CREATE TABLE sessions (token TEXT PRIMARY KEY, user INTEGER NOT NULL, seen REAL NOT NULL);
CREATE INDEX reviews_by_product ON reviews (product);
CREATE INDEX items_by_order ON items (order_id);
"""


def fill(database: sqlite3.Connection, chance: random.Random) -> None:
    """Create the tables with 240 products, 560 users, 900 reviews and the 20,000 orders of the last 90 days."""
    database.executescript(_SCHEMA)
    names = [f"{given}.{family}".lower() for given in GIVEN_NAMES for family in FAMILY_NAMES]
    database.executemany("INSERT INTO users (name) VALUES (?)", [(name,) for name in chance.sample(names, USERS)])
    database.executemany(
        "INSERT INTO products (name, cents, grams, pieces) VALUES (?, ?, ?, ?)",
        [
            (f"{material} {thing}", chance.randint(400, 24_000), chance.randint(80, 9_000), chance.randint(0, 12))
            for material in MATERIALS
            for thing in THINGS
        ],
    )
    products = len(MATERIALS) * len(THINGS)
    database.executemany(
        "INSERT INTO reviews (product, user, stars, text) VALUES (?, ?, ?, '')",
        [(chance.randint(1, products), chance.randint(1, USERS), chance.randint(1, 5)) for _ in range(900)],
    )
    orders = [
        (chance.randint(1, USERS), chance.randint(400, 90_000), chance.choice(CITIES), chance.randint(0, 89))
        for _ in range(ORDERS)
    ]
    database.executemany("INSERT INTO orders (user, cents, city, day) VALUES (?, ?, ?, ?)", orders)
    database.executemany(
        "INSERT INTO items (order_id, product, pieces) VALUES (?, ?, ?)",
        [
            (order, chance.randint(1, products), chance.randint(1, 4))
            for order in range(1, len(orders) + 1)
            for _ in range(chance.randint(1, 4))
        ],
    )
    database.commit()
