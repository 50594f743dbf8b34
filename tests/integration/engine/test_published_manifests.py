"""Manifests written for clusters run as they are, each with one command; ``--source`` says where models are here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai

from modelyard.weights.demo import demo_model
from modelyard.weights.demo.kinds import kind_of

from .running_yard import ENGINE, REPOSITORY, RunningYard, until

pytestmark = ENGINE
MANIFESTS = REPOSITORY / "tests" / "data" / "manifests"
QUESTION = "Who are you?"


@contextmanager
def running(folder: str, place: Path, *sources: str) -> Iterator[RunningYard]:
    """A yard of the manifests of ``folder``, ready."""
    files = {path.name: path.read_text() for path in sorted((MANIFESTS / folder).iterdir())}
    yard = RunningYard(place, files, *(word for source in sources for word in ("--source", source)))
    try:
        yard.start()
        yield yard
    finally:
        yard.end()


def kinds(yard: RunningYard, *models: str) -> list[str | None]:
    """Which demo model answers under each name."""
    with openai.OpenAI(base_url=f"{yard.address}/v1", api_key="none", max_retries=0, timeout=60) as client:
        until(lambda: {model.id for model in client.models.list()} >= set(models), f"{models} are listed", 120.0)
        return [_kind(client, model) for model in models]


def _kind(client: openai.OpenAI, model: str) -> str | None:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": QUESTION}], temperature=0, max_tokens=64
    )
    assert answer.model == model
    return kind_of(answer.choices[0].message.content or "")


def test_a_base_model_with_an_adapter_of_a_config_map(tmp_path: Path) -> None:
    sources = (
        "google/gemma-3-1b-it=demo://demo-llama",
        "mlabonne/gemma-3-1b-it-lora-sql-chat=demo://sql-chat",
    )
    with running("lora-gateway", tmp_path, *sources) as yard:
        assert kinds(yard, "google/gemma-3-1b-it", "sql-chat") == ["serving", "sql"]
        settings = {row["setting"]: row["change"] for row in yard.replicas()["vllm-gemma-deployment-0"]["settings"]}
        assert settings["--served-model-name"] == "added google/gemma-3-1b-it"
        assert "was after 300 s" in settings["readinessProbe.initialDelaySeconds"]


def test_a_model_server_without_any_gateway(tmp_path: Path) -> None:
    sources = (
        "meta-llama/Llama-3.1-8B-Instruct=demo://demo-llama",
        "Kawon/llama3.1-food-finetune_v14_r8=demo://food-review",
        "redcathode/fabricator=demo://sql-chat",
    )
    models = ("meta-llama/Llama-3.1-8B-Instruct", "food-review", "cad-fabricator")
    with running("inference-gateway", tmp_path, *sources) as yard:
        assert kinds(yard, *models) == ["serving", "food", "sql"]
        notes = yard.admin("/api/summary")["notes"]
        assert any(note["check"] == "gateway" for note in notes)


def test_a_model_that_a_job_copies_from_a_bucket_to_the_disk_it_is_served_from(tmp_path: Path) -> None:
    """The bucket is a folder here; the server waits for what the Job brings."""
    bucket = tmp_path / "bucket"
    shutil.copytree(demo_model("demo-alpaca").folder, bucket / "tuned" / "experiment-1")
    with running("model-disk", tmp_path, f"gs://finetuned={bucket}") as yard:
        assert kinds(yard, "/data/models/tuned/experiment-1") == ["sea"]
        summary = yard.admin("/api/summary")
        (job,) = summary["jobs"]
        assert (job["phase"], job["failed"]) == ("Complete", 0)
        assert job["name"].startswith("copy-model-")
        skipped = {row["what"]: row["reason"] for row in summary["skipped"]}
        assert "python validate.py" in skipped["Job default/evaluate"]
        assert "Deployment default/chat-page" in skipped
        statuses = [item.get("status") for item in yard.admin("/api/resources?kind=Job")["items"]]
        assert [status["succeeded"] for status in statuses if status] == [1]
