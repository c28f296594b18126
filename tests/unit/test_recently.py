"""What is remembered of late: bounded, and what is put in again stays."""

from uptake_service.recently import Recently


def test_what_was_put_in_longest_ago_is_forgotten() -> None:
    known = Recently[str, int](2)
    known["a"], known["b"] = 1, 2
    known["a"] = 3
    known["c"] = 4
    assert list(known.items()) == [("a", 3), ("c", 4)]
