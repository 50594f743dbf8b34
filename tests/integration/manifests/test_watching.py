"""Real files, real change events."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from modelyard.manifests.reading import ReadResult, read_manifests
from modelyard.manifests.watching import watch_manifests

pytestmark = pytest.mark.integration

BOUND_S = 20
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {value: '%s'}\n"

Next = Callable[[], Awaitable[ReadResult]]


def values(result: ReadResult) -> dict[str, str]:
    return {name: found.data["value"] for (_, name), found in result.resource_set.config_maps.items()}


@contextlib.asynccontextmanager
async def watching(*paths: Path, last: ReadResult | None = None) -> AsyncIterator[asyncio.Queue[ReadResult]]:
    results: asyncio.Queue[ReadResult] = asyncio.Queue()
    task = asyncio.create_task(watch_manifests(paths, results.put_nowait, last=last))
    try:
        async with asyncio.timeout(BOUND_S):
            yield results
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(results: asyncio.Queue[ReadResult], expected: dict[str, str]) -> ReadResult:
    """The first result with these values; fails by the bound of ``watching``."""
    while True:
        result = await results.get()
        if values(result) == expected:
            return result


def write(path: Path, name: str, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CONFIG_MAP % (name, value))


def replace(path: Path, name: str, value: str) -> None:
    """As editors and configuration tools write: a new file takes the place of the old one."""
    new = path.with_name(f".{path.name}.new")
    write(new, name, value)
    os.replace(new, path)


def test_files_of_a_folder_are_followed(tmp_path):
    async def main() -> None:
        write(tmp_path / "a.yaml", "a", "1")
        async with watching(tmp_path) as results:
            await until(results, {"a": "1"})
            write(tmp_path / "a.yaml", "a", "2")
            await until(results, {"a": "2"})
            replace(tmp_path / "a.yaml", "a", "3")
            await until(results, {"a": "3"})
            write(tmp_path / "deep" / "er" / "b.yaml", "b", "1")
            await until(results, {"a": "3", "b": "1"})
            write(tmp_path / "deep" / "er" / "b.yaml", "b", "2")
            await until(results, {"a": "3", "b": "2"})
            (tmp_path / "a.yaml").unlink()
            await until(results, {"b": "2"})

    asyncio.run(main())


def test_a_folder_may_come_go_and_come_back(tmp_path):
    folder = tmp_path / "not" / "yet"

    async def main() -> None:
        async with watching(folder) as results:
            first = await results.get()
            assert "does not exist" in str(first.errors[0])
            for value in ("1", "2"):
                write(folder / "a.yaml", "a", value)
                await until(results, {"a": value})
                replace(folder / "a.yaml", "a", "next")
                await until(results, {"a": "next"})
                shutil.rmtree(tmp_path / "not")
                await until(results, {})

    asyncio.run(main())


@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_config_map_volume_is_swapped(tmp_path, whole_folder):
    def swap(version: str) -> None:
        write(tmp_path / f"..{version}" / "f.yaml", "f", version)
        (tmp_path / "..data_tmp").symlink_to(f"..{version}")
        old = os.path.realpath(tmp_path / "..data")
        os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
        if os.path.basename(old) != "..data":
            shutil.rmtree(old)

    async def main() -> None:
        swap("1")
        (tmp_path / "f.yaml").symlink_to("..data/f.yaml")
        async with watching(tmp_path if whole_folder else tmp_path / "f.yaml") as results:
            for version in ("1", "2", "3"):
                if version != "1":
                    swap(version)
                await until(results, {"f": version})

    asyncio.run(main())


def test_a_broken_change_is_reported_with_what_is_still_good(tmp_path):
    async def main() -> None:
        write(tmp_path / "a.yaml", "a", "1")
        write(tmp_path / "b.yaml", "b", "1")
        async with watching(tmp_path) as results:
            await until(results, {"a": "1", "b": "1"})
            (tmp_path / "b.yaml").write_text("a: [")
            result = await until(results, {"a": "1"})
            assert [os.path.basename(error.source) for error in result.errors] == ["b.yaml"]

    asyncio.run(main())


def test_only_differences_are_reported(tmp_path):
    async def main() -> None:
        path = tmp_path / "a.yaml"
        write(path, "a", "1")
        async with watching(path, last=read_manifests([path])) as results:
            write(tmp_path / "other.yaml", "other", "1")
            os.utime(path)
            write(path, "a", "2")
            assert values(await results.get()) == {"a": "2"}
            assert results.empty()

    asyncio.run(main())


def test_watching_ends_when_it_is_cancelled(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(BOUND_S):
            task = asyncio.create_task(watch_manifests([tmp_path], lambda _: task.cancel()))
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
