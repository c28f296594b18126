"""Memory that was freed goes back to the system, and is asked for no oftener than it helps."""

import pytest
from uptake_service.rpc import memory
from uptake_service.rpc.memory import MemoryReturn, resident_bytes, trim_memory

_MIB = 1024 * 1024


@pytest.mark.skipif(memory._malloc_trim is None or not resident_bytes(), reason="glibc on Linux gives it back")
async def test_what_many_small_blocks_left_goes_back() -> None:
    await trim_memory()
    before = resident_bytes()
    blocks = [bytes(2000) for _ in range(100_000)]
    # Blocks kept in between hold up what glibc would give back by itself, from the end.
    kept = blocks[::100]
    grown = resident_bytes()
    assert grown > before + 150 * _MIB
    del blocks
    await trim_memory()
    assert resident_bytes() < before + (grown - before) // 2
    assert kept


async def test_it_is_tried_less_and_less_while_it_brings_nothing_and_again_after_growth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size, tries = 100 * _MIB, 0

    async def trim() -> None:
        nonlocal tries
        tries += 1

    monkeypatch.setattr(memory, "trim_memory", trim)
    returning = MemoryReturn(lambda: size)
    for _ in range(100):
        await returning.give_back()
    assert tries == 0
    size = 200 * _MIB
    for _ in range(100):
        await returning.give_back()
    assert 5 < tries < 20
    before, size = tries, 300 * _MIB
    await returning.give_back()
    assert tries == before + 1
