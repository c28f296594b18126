"""The files for running it elsewhere say what the service and each other say. Their form is checked by `make lint`."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from uptake_service.config import Settings, load_settings

_ROOT = Path(__file__).parents[2]
_COMPOSE = yaml.safe_load((_ROOT / "compose.yaml").read_text())
_ENVOY = yaml.safe_load((_ROOT / "deploy/envoy.yaml").read_text())["static_resources"]
_KUBERNETES = {
    document["kind"]: document
    for path in sorted((_ROOT / "deploy/kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
}
_POD = _KUBERNETES["Deployment"]["spec"]["template"]
_CONTAINER = _POD["spec"]["containers"][0]


def kubernetes_environment() -> dict[str, str]:
    """What the container is started with; a secret's value is made up."""
    given: dict[str, str] = dict(_KUBERNETES["ConfigMap"]["data"])
    return given | {variable["name"]: variable.get("value", "mongodb://db") for variable in _CONTAINER["env"]}


def compose_environment() -> dict[str, str]:
    return dict(_COMPOSE["services"]["uptake"]["environment"])


def loaded(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("UPTAKE_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.mark.parametrize("environment", [compose_environment(), kubernetes_environment()], ids=["compose", "pod"])
def test_every_setting_exists_and_is_accepted(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name.removeprefix("UPTAKE_").lower() for name in environment} <= set(Settings.model_fields)

    settings = loaded(environment, monkeypatch)

    assert settings.keys_required
    assert settings.metrics_port
    assert settings.mongodb_uri


def test_envoy_listens_where_compose_publishes_and_calls_where_the_service_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    envoy = _COMPOSE["services"]["envoy"]
    (listener,), (cluster,) = _ENVOY["listeners"], _ENVOY["clusters"]
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    called = endpoint["endpoint"]["address"]["socket_address"]

    host, _, inside = envoy["ports"][0].rsplit(":", 2)

    assert host == "127.0.0.1"
    assert int(inside) == listener["address"]["socket_address"]["port_value"]
    assert called["address"] in _COMPOSE["services"]
    assert called["port_value"] == loaded(compose_environment(), monkeypatch).port
    assert (_ROOT / envoy["volumes"][0].split(":")[0]).is_file()


def test_the_pod_opens_and_probes_the_ports_of_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(kubernetes_environment(), monkeypatch)
    ports = {port["name"]: port["containerPort"] for port in _CONTAINER["ports"]}
    probes: dict[str, Any] = {
        name: _CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
    }

    assert ports == {"grpc": settings.port, "metrics": settings.metrics_port}
    assert _POD["metadata"]["annotations"]["prometheus.io/port"] == str(settings.metrics_port)
    assert _KUBERNETES["Service"]["spec"]["ports"][0]["targetPort"] in ports
    assert {probe["port"] for probe in probes.values()} == {"metrics"}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }


def test_a_database_elsewhere_starts_no_pod_again_and_trouble_of_the_process_has_a_minute() -> None:
    liveness, readiness = _CONTAINER["livenessProbe"], _CONTAINER["readinessProbe"]

    assert liveness["httpGet"]["path"] != readiness["httpGet"]["path"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 60


def test_the_pod_has_what_its_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(kubernetes_environment(), monkeypatch)
    mounted = [mount["mountPath"] for mount in _CONTAINER["volumeMounts"]]

    assert str(Path(settings.tls_certificate_file).parent) in mounted
    assert str(Path(settings.tls_key_file).parent) in mounted
    assert _CONTAINER["envFrom"] == [{"configMapRef": {"name": _KUBERNETES["ConfigMap"]["metadata"]["name"]}}]
    # A Service named uptake would set UPTAKE_PORT.
    assert _POD["spec"]["enableServiceLinks"] is False


def test_the_pod_has_the_time_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(kubernetes_environment(), monkeypatch)
    before = int(_CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])

    needed = before + settings.drain_seconds + 2 * settings.database_timeout_seconds

    assert _POD["spec"]["terminationGracePeriodSeconds"] > needed


def test_everything_selects_the_pod() -> None:
    labels = _POD["metadata"]["labels"]

    assert _KUBERNETES["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert _KUBERNETES["Service"]["spec"]["selector"] == labels
    assert _KUBERNETES["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def test_the_image_is_built_of_what_docker_is_given() -> None:
    given = {line[1:] for line in (_ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in (_ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY")]
    sources = {source for sources in copied for source in sources if not source.startswith(("--from", "/"))}
    assert sources == given
    assert all((_ROOT / source).exists() for source in sources)
