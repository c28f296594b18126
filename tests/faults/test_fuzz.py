"""Some seconds of garbage; `make fuzz` sends it for ten minutes."""

from pathlib import Path

from tests.faults.fuzz import METHODS, Fuzzer, memory_mib, wrong
from tests.processes import serving

SECONDS = 12.0


async def test_garbage_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service:
        fuzzer = Fuzzer(service.address, service.port, seed=7)
        await fuzzer.run(SECONDS / 4)
        before = memory_mib(service)

        await fuzzer.run(SECONDS * 3 / 4)

        await fuzzer.close()
        assert sum(fuzzer.codes.values()) > 5 * len(METHODS)
        assert await wrong(service, fuzzer, memory_mib(service) - before) == []
        service.terminate()
        assert await service.ended() == 0
