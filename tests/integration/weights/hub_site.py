"""A hub on loopback: the calls of the Hugging Face hub that a fetch makes. Large files are served by another origin, as
the real hub's are by its content network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from loopback_http import LoopbackHandler, Site

_LFS = (".safetensors", ".bin")


class ContentSite(Site):
    """Where the hub sends readers of large files to."""

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[str, bytes] = {}

    def answer(self, request: LoopbackHandler) -> None:
        blob = self.blobs.get(request.path.strip("/"))
        if blob is None:
            request.send(404)
        else:
            request.send_file(blob, self.tap, {})


class HubSite(Site):
    """One repository, ``acme/tiny``."""

    repository = "acme/tiny"

    def __init__(self, files: Mapping[str, bytes], content: ContentSite) -> None:
        super().__init__()
        self.content = content
        self.token = ""
        """Empty: everybody may read."""
        self.failures: list[int] = []
        """Statuses of the next answers to reads of files."""
        self.corrupt: set[str] = set()
        """Files that arrive with a wrong byte."""
        self.commits: dict[str, dict[str, bytes]] = {}
        self.publish(files)

    def publish(self, files: Mapping[str, bytes]) -> None:
        """A new commit on ``main``; older ones stay."""
        self.files = dict(files)
        self.commit = hashlib.sha1(repr(sorted((n, _sha256(f)) for n, f in files.items())).encode()).hexdigest()  # noqa: S324 - as git names commits
        self.commits[self.commit] = self.files

    def answer(self, request: LoopbackHandler) -> None:
        path = unquote(urlsplit(request.path).path)
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            request.send(401, b"{}", {"x-error-code": "GatedRepo", "x-error-message": "Access is restricted"})
        elif path.startswith(f"/api/models/{self.repository}"):
            self._listing(request, path)
        elif path.startswith(f"/{self.repository}/resolve/"):
            commit, _, name = path.split("/resolve/")[1].partition("/")
            self._file(request, self.commit if commit == "main" else commit, name)
        else:
            request.send(404, b"{}", {"x-error-code": "RepoNotFound"})

    def _listing(self, request: LoopbackHandler, path: str) -> None:
        revision = path.rpartition("/revision/")[2]
        commit = self.commit if revision == "main" else revision
        if commit not in self.commits:
            request.send(404, b"{}", {"x-error-code": "RevisionNotFound"})
            return
        siblings = [_sibling(*file) for file in self.commits[commit].items()]
        body = {"id": self.repository, "sha": commit, "siblings": siblings}
        request.send(200, json.dumps(body).encode(), {"content-type": "application/json"})

    def _file(self, request: LoopbackHandler, commit: str, name: str) -> None:
        content = listed = self.commits[commit][name]
        if self.failures:
            request.send(self.failures.pop(0))
            return
        if name in self.corrupt:
            content = bytes([content[0] ^ 1]) + content[1:]
        about = {"x-repo-commit": commit, "etag": f'"{_etag(name, listed)}"'}
        if name.endswith(_LFS):
            self.content.blobs[_sha256(content)] = content
            about |= {"x-linked-etag": about["etag"], "x-linked-size": str(len(content))}
            request.send(302, b"", {**about, "location": f"{self.content.url}/{_sha256(content)}"})
        else:
            request.send_file(content, self.tap, about)


def _sibling(name: str, content: bytes) -> dict[str, object]:
    about: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": _git_blob(content)}
    if name.endswith(_LFS):
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + _sha256(content).encode()
        about["lfs"] = {"sha256": _sha256(content), "size": len(content), "pointerSize": len(pointer)}
        about["blobId"] = _git_blob(pointer)
    return about


def _etag(name: str, content: bytes) -> str:
    return _sha256(content) if name.endswith(_LFS) else _git_blob(content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's own
