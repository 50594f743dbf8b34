from __future__ import annotations

from collections.abc import Mapping

from modelyard.local.engine_folders import LONGEST_TEMPORARY, EngineFolders, plan_engine_folders

SHORT, DEEP = "/y/replicas/default_m-0", "/home/somebody/with/a/long/path/to/a/home/replicas/default_demo-llama-0"
CACHE = {"TORCHINDUCTOR_CACHE_DIR": "/y/caches/torchinductor"}


def planned(env: Mapping[str, str], directory: str = SHORT, inherited: tuple[str, ...] = ()) -> EngineFolders:
    return plan_engine_folders(env, directory, "/y", inherited)


def test_temporary_files_lie_in_the_replicas_directory_and_caches_do_not() -> None:
    folders = planned({})
    assert folders.temporary == f"{SHORT}/tmp"
    assert folders.variables == {"TMPDIR": folders.temporary, **CACHE}
    assert [(row.setting, row.change) for row in folders.settings] == [
        (f"env {name}", f"added {place}") for name, place in folders.variables.items()
    ]


def test_in_a_deep_home_there_is_room_for_sockets_too() -> None:
    folders = planned({}, DEEP)
    assert folders.variables["TMPDIR"] == folders.temporary
    assert len(folders.temporary) <= LONGEST_TEMPORARY < len(DEEP)


def test_a_manifests_folder_wins_and_sockets_still_go_with_the_replica() -> None:
    folders = planned({"TMPDIR": "/scratch"})
    assert folders.variables == {"VLLM_RPC_BASE_PATH": f"{SHORT}/tmp", **CACHE}
    assert folders.temporary == f"{SHORT}/tmp"


def test_where_the_manifest_says_everything_nothing_is_made() -> None:
    said = {"TMPDIR": "/scratch", "VLLM_RPC_BASE_PATH": "/run/vllm", "TORCHINDUCTOR_CACHE_DIR": "/cache"}
    folders = planned(said)
    assert (folders.temporary, folders.variables, folders.settings) == ("", {}, ())


def test_a_cache_that_this_machine_names_stays() -> None:
    assert "TORCHINDUCTOR_CACHE_DIR" not in planned({}, inherited=("TORCHINDUCTOR_CACHE_DIR",)).variables
