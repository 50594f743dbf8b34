from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from modelyard.cli.commands import application
from modelyard.cli.exit_codes import ExitCode

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec:
      terminationGracePeriodSeconds: 40
      containers:
        - name: side
          image: side
        - name: server
          image: vllm/vllm-openai:v0.32.0
          args: [--model=m, --max-model-len, "2000"]
          lifecycle: {preStop: {exec: {command: [/bin/sleep, "10"]}}}
"""


def drain_time(*arguments: str) -> Result:
    return CliRunner().invoke(application(), ["drain-time", *arguments])


def manifest(folder: Path, *names: str) -> str:
    (folder / "m.yaml").write_text("---".join(MANIFEST.replace("NAME", name) for name in names))
    return str(folder)


def test_the_manifest_gives_what_the_flags_do_not(tmp_path: Path) -> None:
    asked = drain_time("-f", manifest(tmp_path, "m"), "--token-ms", "20", "--output", "json")
    assert asked.exit_code == 0, asked.output
    found = json.loads(asked.stdout)
    assert found["longestRequestSeconds"] == 48.0
    assert (found["terminationGracePeriodSeconds"], found["preStopSleepSeconds"]) == (87, 10)
    assert (found["manifestGraceSeconds"], found["enough"]) == (40, False)


def test_a_server_whose_command_has_it_all(tmp_path: Path) -> None:
    text = MANIFEST.replace("NAME", "m").replace('args: [--model=m, --max-model-len, "2000"]', "")
    command = 'command: [sh, -c, "exec vllm serve org/m --max-model-len=3000"]'
    (tmp_path / "m.yaml").write_text(
        text.replace("image: vllm/vllm-openai:v0.32.0", f"image: own\n          {command}")
    )
    found = json.loads(drain_time("-f", str(tmp_path), "--token-ms", "20", "--output", "json").stdout)
    assert (found["facts"]["outputTokens"], found["facts"]["propagationSeconds"]) == (3000, 10.0)


def test_people_get_the_reasoning_and_the_lines_to_set(tmp_path: Path) -> None:
    said = drain_time("-f", manifest(tmp_path, "m"), "--token-ms", "20", "--max-output-tokens", "100").stdout
    assert "terminationGracePeriodSeconds: 19" in said
    assert "- name: server" in said
    assert "preStop sleep of the manifest" in said
    assert "40 s: enough" in said


def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    folder = manifest(tmp_path, "a", "b")
    assert drain_time("-f", folder, "--token-ms", "20").exit_code == ExitCode.USAGE
    assert drain_time("b", "-f", folder).exit_code == ExitCode.FAILED
    assert drain_time("none", "-f", folder, "--token-ms", "20").exit_code == ExitCode.FAILED
    assert drain_time("deployment/b", "-f", folder, "--token-ms", "20").exit_code == 0
    assert drain_time("--home", str(tmp_path / "none")).exit_code == ExitCode.NOT_RUNNING
