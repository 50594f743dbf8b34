from __future__ import annotations

from modelyard.shortform.cluster_notes import cluster_notes

from .yards import yard


def test_what_is_left_to_do_is_said():
    models = [{"name": "m", "source": "./m", "criticality": "Critical"}, {"name": "n", "source": "org/n"}]
    notes = "\n".join(cluster_notes(yard(models=models)))
    for part in ("className", "m-epp, n-epp", "Claim 'm-weights' must hold ./m", "Secret 'hf-token'", "Criticality"):
        assert part in notes


def test_what_several_nodes_need_is_said():
    for engine, operator in (("vllm", "LeaderWorkerSet"), ("ray-serve", "KubeRay")):
        notes = "\n".join(cluster_notes(yard(models=[{"name": "m", "source": "org/m", "nodes": 2, "engine": engine}])))
        assert [one for one in ("LeaderWorkerSet", "KubeRay") if one in notes] == [operator]


def test_what_is_done_is_not():
    notes = "\n".join(cluster_notes(yard(models=[{"name": "m", "source": "demo://m"}], gateway={"className": "istio"})))
    for part in ("className", "hf-token", "Criticality"):
        assert part not in notes
    assert "Claim 'demo-models' must hold demo://m so that it is at /models/m" in notes
