"""What the launcher mends in the embedded database."""

import threading

import pytest

transactions = pytest.importorskip("secantus.transactions", reason="the extra `embedded` is not installed")

from uptake_service.mongo.embedded_launcher import let_statements_run  # noqa: E402


class Registry(transactions.TransactionRegistry):  # type: ignore[name-defined, misc]
    """One of the test's own."""


let_statements_run(Registry)


def test_a_statement_does_not_wait_for_one_of_another_transaction() -> None:
    registry = Registry()
    running, _ = registry.for_statement(b"a", None, 1, start=True)
    started, end = threading.Event(), threading.Event()

    def run() -> None:
        with running.mutex:
            started.set()
            end.wait(30)

    statement = threading.Thread(target=run)
    statement.start()
    assert started.wait(10)
    other = threading.Thread(target=registry.for_statement, args=(b"b", None, 1), kwargs={"start": True})
    other.start()
    other.join(10)
    waits = other.is_alive()
    end.set()
    statement.join()
    other.join()
    assert not waits


def test_a_transaction_that_nobody_uses_is_still_ended() -> None:
    now = [0.0]
    ended: list[bytes] = []
    registry = Registry(
        rollback_func=lambda transaction: ended.append(transaction.lsid_bytes),
        lifetime_seconds=60.0,
        time_func=lambda: now[0],
    )
    registry.for_statement(b"a", None, 1, start=True)
    now[0] = 61.0
    registry.for_statement(b"b", None, 1, start=True)
    assert ended == [b"a"]
    assert len(registry) == 1
