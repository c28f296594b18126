"""Some garbage; `make fuzz` sends it for ten minutes."""

from pathlib import Path

from tests.contract import METHODS
from tests.faults.fuzz import Fuzzer, memory_mib, wrong
from tests.processes import serving

CALLS = 100 * len(METHODS)


async def test_garbage_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service:
        fuzzer = Fuzzer(service.address, service.port, seed=7)
        await fuzzer.run(lambda: fuzzer.codes.total() >= CALLS / 4)
        before = memory_mib(service)

        await fuzzer.run(lambda: fuzzer.codes.total() >= CALLS)

        await fuzzer.close()
        assert await wrong(service, fuzzer, memory_mib(service) - before) == []
        service.terminate()
        assert await service.ended() == 0
