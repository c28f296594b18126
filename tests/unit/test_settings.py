"""Environment variables with our prefix: one that means nothing is an error, wherever it is read."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from uptake_service.cli.main import cli
from uptake_service.config import OTHER_VARIABLES, Settings, load_settings
from uptake_service.domain.errors import StartupError

_ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("UPTAKE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("UPTAKE_QUEUE_SZIE", "UPTAKE_QUEUE_SIZE"),
        ("UPTAKE_MONGO_URI", "UPTAKE_MONGODB_URI"),
        ("uptake_prot", "UPTAKE_PORT"),
        ("UPTAKE_ADRESS", "UPTAKE_ADDRESS"),
        ("UPTAKE_APIKEY", "UPTAKE_API_KEY"),
    ],
)
def test_a_misspelt_variable_is_an_error_that_suggests_the_right_one(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")

    with pytest.raises(StartupError, match=f"{name}: .* did you mean {meant}"):
        load_settings()


def test_all_misspelt_variables_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPTAKE_DATADIR", "1")
    monkeypatch.setenv("UPTAKE_QUEUESIZE", "1")

    with pytest.raises(StartupError, match=r"UPTAKE_DATADIR: .*UPTAKE_QUEUESIZE: "):
        load_settings()


def test_a_variable_like_no_setting_is_ignored_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("UPTAKE_XYZZY", "1")
    monkeypatch.setenv("UPTAKE_QUEUE_SIZE", "7")

    assert load_settings().queue_size == 7
    assert "UPTAKE_XYZZY is ignored: there is no such setting" in caplog.text


def test_every_variable_that_means_something_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OTHER_VARIABLES:
        monkeypatch.setenv(name, "anything")
    monkeypatch.setenv("uptake_queue_size", "7")

    assert load_settings().queue_size == 7


def test_what_kubernetes_sets_for_a_service_called_uptake_something_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "UPTAKE_WEB_SERVICE_HOST": "10.0.0.1",
        "UPTAKE_WEB_SERVICE_PORT": "80",
        "UPTAKE_WEB_SERVICE_PORT_GRPC": "80",
        "UPTAKE_WEB_PORT": "tcp://10.0.0.1:80",
        "UPTAKE_WEB_PORT_80_TCP": "tcp://10.0.0.1:80",
        "UPTAKE_WEB_PORT_80_TCP_ADDR": "10.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)

    load_settings()


@pytest.mark.parametrize("command", [["check"], ["keys", "list"], ["serve"], ["reviews"], ["insights"], ["health"]])
def test_every_command_that_reads_variables_refuses_unknown_ones(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPTAKE_ADRESS", "localhost:1")

    result = CliRunner().invoke(cli, command)

    assert isinstance(result.exception, StartupError)
    assert "did you mean UPTAKE_ADDRESS" in str(result.exception)


def test_every_variable_named_in_this_repository_is_known() -> None:
    known = {f"UPTAKE_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES.keys()
    read = {
        name
        for path in [*_ROOT.glob("tests/**/*.py"), *_ROOT.glob("service/**/*.py"), _ROOT / "compose.yaml"]
        for name in re.findall(r"""(?:environ\S*[\[(]|envvar=)["'](UPTAKE_\w+)["']""", path.read_text())
    }

    assert read
    assert read <= known
