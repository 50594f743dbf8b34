from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.local import arguments as argv
from modelyard.local.model_files import ModelSources
from modelyard.local.plan import plan_deployments
from modelyard.local.plan_context import PlanContext
from modelyard.local.probes import HttpGet
from modelyard.local.replica_plan import DeploymentPlan, EngineProgram, Machine, ReplicaPlan
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import source_table

MACHINE = Machine(has_gpu=False, cores=2, memory_bytes=16 << 30, node_name="node", loopback_range=True)
VLLM = EngineProgram(kind="vllm", command=("/py", "-m", "server"))
CONTEXT = PlanContext(home="/y", machine=MACHINE, engine=VLLM)
QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart" / "models.yaml"

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: m}
spec:
  replicas: 2
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m, release: r1}}
    spec:
      terminationGracePeriodSeconds: 7
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: ["--model=$(MODEL)", "--host=0.0.0.0", "--port", "9000", "--gpu-memory-utilization=0.9"]
          env:
            - {name: MODEL, value: /models/x}
            - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
          ports: [{name: http, containerPort: 9000}, {name: side, containerPort: 9100}]
          volumeMounts: [{name: models, mountPath: /models}]
          lifecycle: {preStop: {sleep: {seconds: 30}}}
        - {name: sidecar, image: "nginx:1"}
      initContainers:
        - {name: lora-adapter-syncer, image: "registry/lora-syncer:main", restartPolicy: Always}
      volumes: [{name: models, persistentVolumeClaim: {claimName: c}}]
"""
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: c, annotations: {modelyard.dev/weights: "demo://"}}
spec: {accessModes: [ReadWriteMany]}
"""
SECRET_ENV = "- {name: TOKEN, valueFrom: {secretKeyRef: {name: hf, key: token}}}"


def resources(*documents: str) -> ResourceSet:
    loaded = load_documents("---\n".join(documents), source="test.yaml")
    assert not loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def only(plans: tuple[DeploymentPlan, ...]) -> DeploymentPlan:
    assert len(plans) == 1
    return plans[0]


def first(text: str = DEPLOYMENT, context: PlanContext = CONTEXT) -> ReplicaPlan:
    plan = only(plan_deployments(resources(text), context))
    assert not plan.problem
    return plan.replicas[0]


def test_replicas_have_names_and_addresses_of_their_own() -> None:
    plan = only(plan_deployments(resources(DEPLOYMENT), CONTEXT))
    assert [replica.name for replica in plan.replicas] == ["m-0", "m-1"]
    assert len({replica.address for replica in plan.replicas}) == 2
    for replica in plan.replicas:
        assert argv.values(replica.argv, "--host") == [replica.address]
        assert replica.env["POD"] == replica.name
        assert replica.labels == {"app": "m", "release": "r1"}
        assert replica.grace == 7.0


def test_the_command_is_the_manifests_with_paths_led_to_folders() -> None:
    replica = first()
    assert replica.argv[:3] == VLLM.command
    assert argv.value(replica.argv, "--model") == "/y/volumes/default/c/x"
    assert replica.env["MODEL"] == "/y/volumes/default/c/x"
    assert argv.value(replica.argv, "--port") == "9000"
    assert [(port.container, port.local, port.name) for port in replica.ports] == [
        (9000, 9000, "http"),
        (9100, 9100, "side"),
    ]
    assert "/y/volumes/default/c" in replica.directories


def test_each_engine_has_temporary_files_of_its_own() -> None:
    one, two = only(plan_deployments(resources(DEPLOYMENT), CONTEXT)).replicas
    assert one.env["TMPDIR"] == one.temporary == f"{one.directory}/tmp"
    assert two.temporary != one.temporary
    assert {row.change for row in one.settings if row.setting == "env TMPDIR"} == {f"added {one.temporary}"}


def test_every_difference_is_shown() -> None:
    shown = {row.setting: row.change for row in first().settings}
    assert shown["mount /models"] == "-> /y/volumes/default/c"
    assert shown["--host"].endswith("(was 0.0.0.0)")
    assert shown["--gpu-memory-utilization"] == "dropped (was 0.9)"
    assert shown["lifecycle.preStop"] == "sleep 30 s, cut short when no request is open"
    assert shown["terminationGracePeriodSeconds"] == "7 s leave nothing for requests"
    assert "readinessProbe" in shown


def test_with_a_gpu_the_command_stays() -> None:
    gpu = msgspec.structs.replace(CONTEXT, machine=msgspec.structs.replace(MACHINE, has_gpu=True))
    replica = first(context=gpu)
    assert argv.value(replica.argv, "--gpu-memory-utilization") == "0.9"
    assert "--enforce-eager" not in replica.argv
    assert "OMP_NUM_THREADS" not in replica.env


def test_other_containers_are_skipped_with_the_reason() -> None:
    plan = only(plan_deployments(resources(DEPLOYMENT), CONTEXT))
    reasons = {skipped.name: skipped.reason for skipped in plan.skipped}
    assert "lora-adapter-syncer" not in reasons
    done = {one.setting: one.reason for one in only(plan.replicas[:1]).settings}
    assert "modelyard lora ls" in done["container lora-adapter-syncer"]
    assert "nginx:1 is not known to be a vLLM server" in reasons["sidecar"]


def test_a_deployment_without_a_model_server_is_skipped_whole() -> None:
    plan = only(plan_deployments(resources(DEPLOYMENT.replace("vllm/vllm-openai:v0.32.0", "nginx")), CONTEXT))
    assert plan.replicas == ()
    assert not plan.problem
    assert plan.skipped[0].name == ""


def test_a_picker_or_router_is_skipped_whole_and_says_who_does_its_work() -> None:
    image = "registry.k8s.io/gateway-api-inference-extension/epp:v0.3.0"
    text = DEPLOYMENT.replace("vllm/vllm-openai:v0.32.0", image).replace(
        '        - {name: sidecar, image: "nginx:1"}\n', ""
    )
    plan = only(plan_deployments(resources(text), CONTEXT))
    assert plan.replicas == ()
    assert [(one.name, one.reason.endswith("modelyard epp")) for one in plan.skipped] == [("", True)]


def test_a_missing_probe_is_vllms_health() -> None:
    replica = first()
    assert replica.readiness is not None
    assert replica.readiness.action == HttpGet(host=replica.address, port=9000, path="/health")
    assert replica.liveness is None


def with_secret_env() -> str:
    return DEPLOYMENT.replace("- {name: MODEL", f"{SECRET_ENV}\n            - {{name: MODEL")


def test_a_missing_secret_is_a_problem_that_names_the_ways_on() -> None:
    plan = only(plan_deployments(resources(with_secret_env()), CONTEXT))
    assert plan.replicas == ()
    assert "env TOKEN: Secret default/hf is in no manifest" in plan.problem
    assert "set TOKEN" in plan.problem


def test_a_missing_secret_may_come_from_this_machine() -> None:
    replica = first(with_secret_env(), msgspec.structs.replace(CONTEXT, environment=frozenset({"TOKEN"})))
    assert "TOKEN" not in replica.env
    assert any(row.setting == "env TOKEN" for row in replica.settings)


def test_a_missing_token_of_the_hub_is_no_problem() -> None:
    replica = first(with_secret_env().replace("{name: TOKEN,", "{name: HF_TOKEN,"))
    assert "HF_TOKEN" not in replica.env
    assert any(row.setting == "env HF_TOKEN" and row.change == "left out" for row in replica.settings)


def test_secret_values_are_marked_and_never_in_settings() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: hf}\nstringData: {token: hunter2}\n"
    plan = only(plan_deployments(resources(with_secret_env(), secret), CONTEXT))
    replica = plan.replicas[0]
    assert replica.env["TOKEN"] == "hunter2"
    assert replica.secret_env == {"TOKEN"}
    assert not any("hunter2" in str(row) for row in replica.settings)


def test_the_simulator_stands_in_without_secrets_and_weights() -> None:
    sim = msgspec.structs.replace(CONTEXT, engine=EngineProgram(kind="simulator", command=("/py", "sim")))
    plan = only(plan_deployments(resources(with_secret_env(), CLAIM), sim))
    replica = plan.replicas[0]
    assert replica.engine == "simulator"
    assert replica.argv[:2] == ("/py", "sim")
    assert replica.weights == ()
    assert (replica.temporary, "TMPDIR" in replica.env) == ("", False)


def test_a_claim_names_the_source_of_its_content() -> None:
    plan = only(plan_deployments(resources(DEPLOYMENT, CLAIM), CONTEXT))
    assert [needed.source for needed in plan.replicas[0].weights] == ["demo://x"]


def test_without_an_engine_every_deployment_says_how_to_get_one() -> None:
    none = msgspec.structs.replace(CONTEXT, engine_problem="install it")
    plan = only(plan_deployments(resources(DEPLOYMENT), none))
    assert (plan.problem, plan.replicas) == ("install it", ())


def test_one_loopback_address_means_ports_of_their_own() -> None:
    mac = msgspec.structs.replace(CONTEXT, machine=msgspec.structs.replace(MACHINE, loopback_range=False))
    plan = only(plan_deployments(resources(DEPLOYMENT), mac))
    assert {replica.address for replica in plan.replicas} == {"127.0.0.1"}
    ports = [port.local for replica in plan.replicas for port in replica.ports]
    assert len(set(ports)) == 4
    one = plan.replicas[0]
    assert argv.value(one.argv, "--port") == str(one.ports[0].local)
    assert isinstance(one.readiness.action, HttpGet)  # type: ignore[union-attr]
    assert one.readiness.action.port == one.ports[0].local  # type: ignore[union-attr]


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_bad_port_is_a_problem(port: str) -> None:
    plan = only(plan_deployments(resources(DEPLOYMENT.replace('"9000"', f'"{port}"')), CONTEXT))
    assert "--port is" in plan.problem


def test_a_long_initial_delay_does_not_keep_a_loaded_engine_waiting() -> None:
    probe = "readinessProbe: {httpGet: {path: /v1/models, port: 9000}, initialDelaySeconds: 300}\n          lifecycle"
    replica = first(DEPLOYMENT.replace("lifecycle", probe))
    assert replica.readiness is not None
    assert (replica.readiness.early, replica.readiness.initial_delay) == (True, 300.0)
    assert any(row.setting == "readinessProbe.initialDelaySeconds" for row in replica.settings)


def test_a_model_of_another_name_is_taken_from_its_source_and_keeps_its_name() -> None:
    models = ModelSources(table=source_table([("/models/x", "demo://demo-llama")]))
    plan = only(plan_deployments(resources(DEPLOYMENT), CONTEXT, models=models))
    replica = plan.replicas[0]
    assert argv.value(replica.argv, "--model") == "demo--demo-llama"
    assert argv.values(replica.argv, "--served-model-name") == ["/models/x"]
    assert replica.env["MODEL"] == "demo--demo-llama"
    assert plan.models == ("/models/x",)


def test_a_container_that_reads_files_ahead_becomes_a_prefetch() -> None:
    script = "find / -name *.safetensors | xargs -P 15 -n1 dd of=/dev/null"
    reader = f'{{name: sidecar, image: busybox, command: [sh, -c, "{script}"]}}'
    plan = only(plan_deployments(resources(DEPLOYMENT.replace('{name: sidecar, image: "nginx:1"}', reader)), CONTEXT))
    assert [needed.prefetch for needed in plan.replicas[0].weights] == [True]
    assert "ahead" in next(part.reason for part in plan.skipped if part.name == "sidecar")


def test_planning_is_repeatable() -> None:
    assert plan_deployments(resources(DEPLOYMENT), CONTEXT) == plan_deployments(resources(DEPLOYMENT), CONTEXT)


def test_the_quickstart_can_be_planned() -> None:
    plans: Any = plan_deployments(resources(QUICKSTART.read_text()), CONTEXT)
    assert {plan.name: len(plan.replicas) for plan in plans} == {"demo-alpaca": 1, "demo-llama": 2}
    assert not any(plan.problem or plan.skipped for plan in plans)
    llama = plans[1].replicas[0]
    assert [item.source for item in llama.weights] == ["demo://demo-llama"]
