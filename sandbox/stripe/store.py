"""What the simulated Stripe knows: objects, idempotency keys and things due later, in SQLite (a file or memory).

One request is one transaction. In WAL mode without fsync a commit survives `kill -9` (not a power cut), and is cheap.
"""

import json
import secrets
import sqlite3
import string
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Any
Object = dict[str, Json]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created REAL NOT NULL,
    customer TEXT, payment_intent TEXT, charge TEXT, label TEXT, body TEXT NOT NULL, hidden TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (customer, kind, seq) WHERE customer IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (payment_intent, kind, seq) WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_charge ON objects (charge, kind, seq) WHERE charge IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (
    account TEXT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL,
    body BLOB NOT NULL, request_id TEXT NOT NULL, stored REAL NOT NULL, PRIMARY KEY (account, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS due (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, what TEXT NOT NULL, id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS due_by_time ON due (at, seq);
CREATE TABLE IF NOT EXISTS undelivered (event TEXT PRIMARY KEY) WITHOUT ROWID;
"""
LABELS = {"event": "type", "payment_method": "type", "customer": "email"}
ALPHABET = string.ascii_letters + string.digits
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_encoder = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Answer:
    asked: str
    path: str
    status: int
    body: bytes
    request_id: str
    stored: float


@dataclass(frozen=True, slots=True)
class Due:
    seq: int
    at: float
    what: str
    id: str


def new_id(prefix: str, length: int = 24) -> str:
    return prefix + "_" + secrets.token_bytes(length).translate(_LETTERS).decode()


class Store:
    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.now = clock
        # One event loop uses it, though perhaps not on the thread that made the application.
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + SCHEMA)

    def close(self) -> None:
        self._db.close()

    def clear(self) -> None:
        with self.transaction():
            for table in ("objects", "answers", "due", "undelivered"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add(self, body: Object, **hidden: Json) -> Object:
        """Store a new object; `hidden` is what the simulator knows and Stripe would not show."""
        kind = body["object"]
        self._db.execute(
            "INSERT INTO objects (id, kind, created, customer, payment_intent, charge, label, body, hidden)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (body["id"], kind, self.now(), *_indexed(body), _dump(body), _dump(hidden)),
        )
        return body

    def save(self, body: Object) -> None:
        self._db.execute(
            "UPDATE objects SET customer = ?, payment_intent = ?, charge = ?, label = ?, body = ? WHERE id = ?",
            (*_indexed(body), _dump(body), body["id"]),
        )

    def find(self, kind: str, object_id: str) -> Object | None:
        row = self._db.execute("SELECT body FROM objects WHERE id = ? AND kind = ?", (object_id, kind)).fetchone()
        return None if row is None else json.loads(row[0])

    def find_any(self, object_id: str) -> Object | None:
        text = self.text_of(object_id)
        return None if text is None else json.loads(text)

    def text_of(self, object_id: str) -> str | None:
        row = self._db.execute("SELECT body FROM objects WHERE id = ?", (object_id,)).fetchone()
        return None if row is None else str(row[0])

    def hidden(self, object_id: str) -> Object:
        row = self._db.execute("SELECT hidden FROM objects WHERE id = ?", (object_id,)).fetchone()
        return {} if row is None else json.loads(row[0])

    def hide(self, object_id: str, **more: Json) -> None:
        hidden = self.hidden(object_id) | more
        self._db.execute("UPDATE objects SET hidden = ? WHERE id = ?", (_dump(hidden), object_id))

    def select(self, kind: str, *, where: str = "", values: tuple[Any, ...] = (), tail: str = "") -> list[Object]:
        """`where` and `tail` are SQL written in this package, never a caller's words."""
        sql = f"SELECT body FROM objects WHERE kind = ? {where} {tail or 'ORDER BY seq'}"  # noqa: S608 - see docstring
        return [json.loads(row[0]) for row in self._db.execute(sql, (kind, *values))]

    def seq_of(self, kind: str, object_id: str) -> int | None:
        row = self._db.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", (object_id, kind)).fetchone()
        return None if row is None else int(row[0])

    def answer(self, account: str, key: str) -> Answer | None:
        row = self._db.execute(
            "SELECT asked, path, status, body, request_id, stored FROM answers WHERE account = ? AND key = ?",
            (account, key),
        ).fetchone()
        return None if row is None else Answer(*row)

    def keep_answer(self, account: str, key: str, answer: Answer) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (account, key, answer.asked, answer.path, answer.status, answer.body, answer.request_id, answer.stored),
        )

    def prune_answers(self, older_than: float) -> None:
        self._db.execute("DELETE FROM answers WHERE stored < ?", (older_than,))

    def later(self, at: float, what: str, object_id: str) -> None:
        self._db.execute("INSERT INTO due (at, what, id) VALUES (?, ?, ?)", (at, what, object_id))

    def next_due(self) -> Due | None:
        row = self._db.execute("SELECT seq, at, what, id FROM due ORDER BY at, seq LIMIT 1").fetchone()
        return None if row is None else Due(*row)

    def done(self, due: Due) -> None:
        self._db.execute("DELETE FROM due WHERE seq = ?", (due.seq,))

    def owe_delivery(self, event_id: str) -> None:
        self._db.execute("INSERT INTO undelivered VALUES (?)", (event_id,))

    def settle_deliveries(self, event_ids: list[str]) -> None:
        self._db.executemany("DELETE FROM undelivered WHERE event = ?", [(event_id,) for event_id in event_ids])

    def is_owed(self, event_id: str) -> bool:
        return self._db.execute("SELECT 1 FROM undelivered WHERE event = ?", (event_id,)).fetchone() is not None

    def owed_deliveries(self) -> list[str]:
        sql = "SELECT event FROM undelivered JOIN objects ON objects.id = event ORDER BY seq"
        return [row[0] for row in self._db.execute(sql)]


def _indexed(body: Mapping[str, Any]) -> tuple[str | None, ...]:
    label = body.get(LABELS.get(body["object"], ""))
    return body.get("customer"), body.get("payment_intent"), body.get("charge"), label


def _dump(body: Mapping[str, Any]) -> str:
    return _encoder.encode(body)
