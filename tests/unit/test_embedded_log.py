"""What the embedded database says: how it is logged, and when it is taken for a panic."""

import json
import logging

import pytest
from uptake_service.mongo.embedded_log import ChildLog

_FROM = "[1795801236:483905][24688:0x7f0a4ffff6c0], WT_SESSION.commit_transaction: [WT_VERB_DEFAULT][ERROR]: "
FULL = _FROM + "__log_fs_write, 218: ./WiredTigerTmplog.2: fatal log failure: No space left on device"
PANIC = _FROM + "__log_fs_write, 218: the process must exit and restart: WT_PANIC: WiredTiger library panic"


def said(level: str, logger: str, message: str) -> str:
    return json.dumps({"level": level, "logger": logger, "message": message})


def test_a_panic_is_told_with_its_cause() -> None:
    log = ChildLog()

    assert [log.take(line) for line in (FULL, PANIC, PANIC)] == [False, True, False]

    assert log.panic.endswith("fatal log failure: No space left on device")
    assert "\n" not in log.panic


@pytest.mark.parametrize(
    "line",
    [
        said("ERROR", "secantus.commands", f"cannot store {PANIC!r}"),
        said("ERROR", "secantus.commands", f"\n{PANIC}"),
        f"a comment: {PANIC}",
        "WT_PANIC",
        FULL,
        "{",
        "[1, 2]",
        '{"level": "LOUD", "logger": "a", "message": "b"}',
        "",
    ],
)
def test_nothing_else_is_a_panic(line: str) -> None:
    log = ChildLog()

    assert not log.take(line)

    assert log.panic == ""


def test_words_are_kept_while_it_starts_and_logged_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = ChildLog()
    for line in (said("WARNING", "secantus.server", "one\ntwo"), FULL, "", "plain"):
        log.take(line)
    assert not caplog.records
    assert log.last == "plain"

    log.log_all()
    log.take(said("INFO", "secantus.server", "three"))

    assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
        ("secantus.server", "WARNING", "one\ntwo"),
        ("wiredtiger", "ERROR", FULL),
        ("wiredtiger", "WARNING", ""),
        ("wiredtiger", "WARNING", "plain"),
        ("secantus.server", "INFO", "three"),
    ]


def test_words_of_a_first_start_that_fails_are_told_in_a_line_and_the_rest_at_debug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    log = ChildLog()
    log.take("Traceback (most recent call last):")
    log.take("OSError: no")

    assert log.last == "OSError: no"
    log.log_all(logging.DEBUG)

    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_what_it_says_again_and_again_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = ChildLog()
    log.log_all()

    for second in range(5):
        log.take(FULL.replace("1795801236", f"179580123{second}"))
        log.take(said("ERROR", "secantus.commands", "cannot store"))
    log.take(PANIC)

    assert [record.message[-20:] for record in caplog.records] == [FULL[-20:], "cannot store", PANIC[-20:]]
