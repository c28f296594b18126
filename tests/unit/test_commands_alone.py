"""Commands where no service runs: one line that says so, soon, whatever they were to do."""

import pytest

from tests.processes import free_port, run


@pytest.mark.parametrize(
    "command",
    [["health"], ["reviews"], ["reviews", "--watch"], ["insights"], ["insights", "--watch"], ["issues"], ["audit"]],
    ids=" ".join,
)
async def test_a_command_tells_that_no_service_runs(command: list[str]) -> None:
    address = f"localhost:{free_port()}"

    code, output, errors = await run(*command, "--address", address)

    assert code == 1
    assert output == ""
    (line,) = errors.splitlines()
    assert line == f"uptake: nothing listens at {address}; is the service running? Start it with: uptake serve"


async def test_a_misspelt_variable_stops_a_command() -> None:
    code, output, errors = await run("reviews", adress="localhost:1")

    assert (code, output) == (1, "")
    assert errors == "uptake: bad setting: UPTAKE_ADRESS: there is no such setting; did you mean UPTAKE_ADDRESS?\n"
