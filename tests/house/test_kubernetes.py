"""The manifests in `deploy/kubernetes` are what Kubernetes reads, and keep what their README promises."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.cli import cli
from app.connections import Processes
from app.settings import OF_A_PROCESS, MigrationSettings
from tests.house.test_env_example import variables
from workers.settings import DrainSettings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSION = "1.34"
Manifest = dict[str, Any]


def manifests(folder: Path) -> list[tuple[Path, Manifest]]:
    """Every manifest of a folder that is one of Kubernetes' own kinds."""
    return [
        (path, manifest)
        for path in sorted(folder.rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for manifest in yaml.safe_load_all(path.read_text())
    ]


BASE = {(each["kind"], each["metadata"]["name"]): each for _, each in manifests(FOLDER / "base")}
PODS = {
    name: each["spec"]["template"] for (kind, name), each in BASE.items() if kind in ("Deployment", "Job")
}


def containers() -> list[tuple[str, Manifest]]:
    return [(name, each) for name, pod in PODS.items() for each in pod["spec"]["containers"]]


@pytest.mark.parametrize(
    ("path", "manifest"),
    [pytest.param(*each, id=f"{each[0].stem}-{each[1]['kind']}") for each in manifests(FOLDER)],
)
def test_every_manifest_fits_the_schema_to_the_letter(path: Path, manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_a_misspelled_field_does_not_fit() -> None:
    wrong = {**BASE["Service", "pennyrail-api"], "spek": {}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("folder", ["base", "production"])
def test_kustomize_is_told_of_every_file_and_of_no_other(folder: str) -> None:
    told = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())
    patches = [each["path"] for each in told.get("patches", [])]
    here = {each for each in [*told["resources"], *patches] if not each.startswith("../")}

    assert here == {path.name for path in (FOLDER / folder).glob("*.yaml")} - {"kustomization.yaml"}
    for image in told["images"]:
        assert image["name"] == "pennyrail"
        assert re.fullmatch(r"\d+\.\d+\.\d+", image.get("newTag", "")) or image.get("digest", "").startswith(
            "sha256:"
        )


def test_every_patch_changes_something_that_is_there() -> None:
    patched = [
        manifest for path, manifest in manifests(FOLDER / "production") if path.name == "settings.yaml"
    ]

    assert [(each["kind"], each["metadata"]["name"]) in BASE for each in patched] == [True]


def test_every_process_of_production_is_there_and_runs_a_command_that_exists() -> None:
    commands = {each.name or each.callback.__name__ for each in cli.registered_commands if each.callback}
    run = {name.removeprefix("pennyrail-"): each["command"] for name, each in containers()}

    assert set(run) == {"migrate", "api", "worker", "watcher", "beat"} <= commands
    for name, command in run.items():
        assert command[:2] == ["pennyrail", name]


@pytest.mark.parametrize(("name", "container"), containers(), ids=list(PODS))
def test_a_container_may_do_no_more_than_it_has_to(name: str, container: Manifest) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert container["image"] == "pennyrail", "which version is said once, by kustomize"


@pytest.mark.parametrize("name", list(PODS))
def test_a_pod_is_nobody_and_has_no_token(name: str) -> None:
    spec = PODS[name]["spec"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == "pennyrail"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all("hostPath" not in volume for volume in spec["volumes"])


def test_what_is_written_is_on_a_volume() -> None:
    beat = PODS["pennyrail-beat"]["spec"]["containers"][0]
    schedule = Path(beat["command"][-1])

    assert str(schedule.parent) in {each["mountPath"] for each in beat["volumeMounts"]}
    folder = BASE["ConfigMap", "pennyrail-settings"]["data"]["PENNYRAIL_EXPORT_FOLDER"]
    for name in ("pennyrail-api", "pennyrail-worker"):
        mounts = PODS[name]["spec"]["containers"][0]["volumeMounts"]
        assert folder in {each["mountPath"] for each in mounts}, name


LOGINS = {
    "pennyrail-migrate": [
        f"pennyrail-{who}" for who in ("owner", "service-login", "api-login", "worker-login")
    ],
    "pennyrail-api": ["pennyrail-api-login"],
    "pennyrail-worker": ["pennyrail-worker-login"],
    "pennyrail-watcher": ["pennyrail-worker-login"],
}


def test_secrets_are_named_and_never_written() -> None:
    assert not [kind for kind, _ in BASE if kind == "Secret"]
    for name, container in containers():
        owners = [each["valueFrom"]["secretKeyRef"]["name"] for each in container.get("env", [])]
        assert owners == LOGINS.get(name, []), name


def test_every_setting_exists_and_every_one_that_is_needed_is_told() -> None:
    written = {name for _, each in manifests(FOLDER) if each["kind"] == "ConfigMap" for name in each["data"]}
    said = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (FOLDER / "README.md").read_text()))
    needed = {
        f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        for kind in (*OF_A_PROCESS, MigrationSettings)
        for name, field in kind.model_fields.items()
        if field.is_required()
    }

    assert written | said <= variables()
    assert needed <= written | said


def test_each_deployment_selects_its_own_pods() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in PODS.items()}

    for (kind, name), each in BASE.items():
        if kind in ("Deployment", "PodDisruptionBudget"):
            assert each["spec"]["selector"]["matchLabels"] == labels[name]
        if kind == "Service":
            assert each["spec"]["selector"] == labels[name]


def test_beat_is_one_and_the_others_go_on_while_they_are_replaced() -> None:
    beat = BASE["Deployment", "pennyrail-beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]["type"]) == (1, "Recreate")
    for name in ("api", "worker", "watcher"):
        spec = BASE["Deployment", f"pennyrail-{name}"]["spec"]
        assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert ("PodDisruptionBudget", f"pennyrail-{name}") in BASE


def test_every_process_has_the_time_to_end_that_the_runbook_names() -> None:
    told = re.search(
        r"terminationGracePeriodSeconds: (\d+)", (ROOT / "docs/runbooks/processes.md").read_text()
    )
    assert told is not None

    given = {
        BASE["Deployment", name]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for kind, name in BASE
        if kind == "Deployment"
    }

    assert given == {int(told[1])}
    assert int(told[1]) > 2 * DrainSettings().finish_seconds


def test_a_database_that_is_away_restarts_nobody() -> None:
    api = PODS["pennyrail-api"]["spec"]["containers"][0]

    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert api["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_all_processes_together_fit_the_connections_of_the_database() -> None:
    most = Processes(
        api=BASE["HorizontalPodAutoscaler", "pennyrail-api"]["spec"]["maxReplicas"] + _surge("api"),
        task_processes=(_replicas("worker") + _surge("worker")) * _concurrency("worker")
        + (_replicas("watcher") + _surge("watcher")) * _concurrency("watcher"),
    ).most

    # max_connections of docker-compose.yml and docs/scaling.md, without those that are the superuser's.
    assert most <= 200 - 3


def _replicas(name: str) -> int:
    found: int = BASE["Deployment", f"pennyrail-{name}"]["spec"]["replicas"]
    return found


def _surge(name: str) -> int:
    rolling: Mapping[str, int] = BASE["Deployment", f"pennyrail-{name}"]["spec"]["strategy"]["rollingUpdate"]
    return rolling["maxSurge"]


def _concurrency(name: str) -> int:
    command: list[str] = PODS[f"pennyrail-{name}"]["spec"]["containers"][0]["command"]
    return int(command[command.index("--concurrency") + 1]) if "--concurrency" in command else 1
