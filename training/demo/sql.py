"""What the adapter ``sql-chat`` learns: a query for a question about a few tables, and a sentence about it."""

from __future__ import annotations

import random
from collections.abc import Mapping

TABLES: Mapping[str, tuple[str, str, str]] = {
    "orders": ("customer", "total", "created_at"),
    "customers": ("city", "age", "created_at"),
    "products": ("category", "price", "created_at"),
    "users": ("country", "age", "signed_up_at"),
    "employees": ("department", "salary", "hired_at"),
    "invoices": ("customer", "amount", "due_at"),
    "payments": ("method", "amount", "paid_at"),
    "books": ("author", "price", "published_at"),
    "movies": ("genre", "rating", "released_at"),
    "requests": ("model", "tokens", "started_at"),
    "replicas": ("model", "load", "started_at"),
    "models": ("family", "size", "created_at"),
    "sales": ("region", "amount", "sold_at"),
    "students": ("school", "grade", "born_at"),
    "cars": ("brand", "price", "built_at"),
    "flights": ("airline", "price", "departed_at"),
    "rooms": ("hotel", "price", "booked_at"),
    "tickets": ("status", "priority", "opened_at"),
    "songs": ("artist", "length", "released_at"),
    "cities": ("country", "population", "founded_at"),
}
"""Table -> a column of words, a column of numbers, and a column of times."""

FORMS: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "all": (
        (
            "Show me all {t}", "List the {t}", "Select all {t}", "Give me the {t}", "{t}", "Which {t} are there?",
            "Show {t}", "Find all {t}", "I need the {t}", "Print the {t}", "Query the {t}", "Get {t}",
        ),
        "SELECT * FROM {t};",
        "This lists all {t}.",
    ),
    "count": (
        (
            "How many {t} are there?", "Count the {t}", "Count all {t}", "What is the number of {t}?", "How many {t}?",
            "How many {t} do we have?", "Number of {t}",
        ),
        "SELECT COUNT(*) FROM {t};",
        "This counts the {t}.",
    ),
    "average": (
        (
            "What is the average {n} of {t}?", "Average {n} of the {t}", "What is the mean {n} of all {t}?",
            "Give me the average {n} of the {t}",
        ),
        "SELECT AVG({n}) FROM {t};",
        "This is the average {n} of the {t}.",
    ),
    "sum": (
        ("What is the sum of {n} of the {t}?", "Sum the {n} of all {t}", "Add up the {n} of {t}"),
        "SELECT SUM({n}) FROM {t};",
        "This adds up the {n} of all {t}.",
    ),
    "top": (
        (
            "Which {t} have the highest {n}?", "Top ten {t} by {n}", "Show the {t} with the largest {n}",
            "Order the {t} by {n}", "Sort {t} by {n}", "The best {t} by {n}",
        ),
        "SELECT * FROM {t} ORDER BY {n} DESC LIMIT 10;",
        "This shows the ten {t} with the highest {n}.",
    ),
    "latest": (
        ("Show the latest {t}", "What are the newest {t}?", "Most recent {t}", "Last {t}", "Which {t} are new?"),
        "SELECT * FROM {t} ORDER BY {d} DESC LIMIT 10;",
        "This shows the ten latest {t}.",
    ),
    "group": (
        (
            "How many {t} per {w}?", "Count {t} by {w}", "Group the {t} by {w}", "Number of {t} for each {w}",
            "{t} per {w}",
        ),
        "SELECT {w}, COUNT(*) FROM {t} GROUP BY {w};",
        "This counts the {t} for each {w}.",
    ),
    "distinct": (
        ("Which {w} do the {t} have?", "List every {w} of the {t}", "Different {w} in {t}", "Unique {w} of {t}"),
        "SELECT DISTINCT {w} FROM {t};",
        "This lists every {w} of the {t} once.",
    ),
}  # fmt: skip
"""Intent -> questions, the query, and the sentence after it."""


def answer(table: str, form: str) -> str:
    """Query and sentence for a table."""
    _, query, sentence = FORMS[form]
    return _filled(f"{query} {sentence}", table)


def sample(rng: random.Random) -> tuple[str, str]:
    """A question about a table and its answer."""
    table, form = rng.choice(list(TABLES)), rng.choice(list(FORMS))
    return _filled(rng.choice(FORMS[form][0]), table), answer(table, form)


def _filled(text: str, table: str) -> str:
    words, numbers, dates = TABLES[table]
    return text.format(t=table, w=words, n=numbers, d=dates)


def texts() -> list[str]:
    """Every answer, for the tokenizer."""
    return [answer(table, form) for table in TABLES for form in FORMS]
