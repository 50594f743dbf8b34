"""The Hugging Face hub.

Listing, tokens and errors are huggingface_hub's. The bytes are read here, from the commit that the listing names:
its own download compares sizes only, and what it fetches in chunks starts anew after a kill.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import HfApi, get_session, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import hf_raise_for_status

from modelyard.resources.weights_source import DEFAULT_REVISION, WeightsSource
from modelyard.weights.checksums import Checksum
from modelyard.weights.errors import Interruption, Unreachable, WeightsError
from modelyard.weights.limits import FetchLimits
from modelyard.weights.store import Listing, RemoteFile

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which it is right to try again."""
_CONNECT_SECONDS = 10.0


class HubStore:
    """One repository at one revision."""

    pinned = True

    def __init__(self, source: WeightsSource, token: str | None, limits: FetchLimits, revision: str = "") -> None:
        self._source, self._token = source, token or None
        self._revision = revision or source.revision or DEFAULT_REVISION
        self._endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
        self._api = HfApi(endpoint=self._endpoint, token=self._token)
        self._timeout = limits.timeout
        self._commit = ""

    def listing(self) -> Listing:
        """The files of the commit that the revision names now."""
        with self._problems():
            info = self._api.model_info(
                self._source.name, revision=self._revision, files_metadata=True, timeout=self._timeout
            )
        self._commit = info.sha or self._revision
        return Listing(revision=self._commit, files=tuple(_file(sibling) for sibling in info.siblings or ()))

    def vouches(self, file: RemoteFile) -> bool:
        """The hub's checksums are of the bytes."""
        return True

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """The file's bytes from this one on."""
        url = hf_hub_url(self._source.name, file.name, revision=self._commit, endpoint=self._endpoint)
        headers = build_hf_headers(token=self._token) | {"accept-encoding": "identity", "range": f"bytes={start}-"}
        timeout = httpx2.Timeout(self._timeout, connect=min(_CONNECT_SECONDS, self._timeout))
        with (
            self._problems(),
            get_session().stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as answer,
        ):
            if answer.status_code >= 400:
                answer.read()
            hf_raise_for_status(answer)
            yield from _from(answer, start)

    @contextmanager
    def _problems(self) -> Iterator[None]:
        """What the client raises, as what a person or a retry can do about it."""
        try:
            yield
        except GatedRepoError:
            raise WeightsError(f"{self._source.name} is gated: {self._accept()}, then {_SIGN_IN}") from None
        except RevisionNotFoundError:
            raise WeightsError(f"{self._source.name} has no revision {self._revision!r} on the hub") from None
        except RepositoryNotFoundError:
            raise WeightsError(
                f"the hub has no model {self._source.name}, or it is private: check the name, or {_SIGN_IN}"
            ) from None
        except OfflineModeIsEnabled:
            raise Unreachable(
                f"{self._source} is not here and HF_HUB_OFFLINE forbids to ask the hub",
                f"unset it, or name files that are here (--source {self._source.name}=/a/folder or ={_DEMO})",
            ) from None
        except HFValidationError as problem:
            raise WeightsError(f"{self._source.name} is no name that the hub knows: {problem}") from None
        except HfHubHTTPError as problem:
            raise _by_status(problem, str(self._source)) from problem
        except httpx2.HTTPError as problem:
            raise Interruption(f"{type(problem).__name__}: {problem}".rstrip(": ")) from problem

    def _accept(self) -> str:
        return f"accept its terms at {self._api.endpoint}/{self._source.name}"


_SIGN_IN = "give a token of an account that may read it (HF_TOKEN, or a Secret of that name)"
_DEMO = "demo://demo-llama"


def _file(sibling: RepoSibling) -> RemoteFile:
    blob = sibling.blob_id or ""
    checksum = Checksum("git-sha1", blob) if blob else None
    if sibling.lfs is not None:
        checksum = Checksum("sha256", sibling.lfs.sha256)
    size = sibling.lfs.size if sibling.lfs is not None else sibling.size
    return RemoteFile(name=sibling.rfilename, size=size or 0, checksum=checksum, identity=blob)


def _from(answer: httpx2.Response, start: int) -> Iterator[bytes]:
    """The body from this byte on, also where a server answers a range with the whole."""
    skip = start if answer.status_code == 200 else 0
    if answer.status_code == 206:
        given = answer.headers.get("content-range", "")
        if not given.startswith(f"bytes {start}-"):
            raise Interruption(f"asked for bytes from {start} on, got {given or 'an unnamed range'}")
    for block in answer.iter_raw():  # as it comes: blocks of a size of our own would be lost with the connection
        if skip >= len(block):
            skip -= len(block)
            continue
        yield block[skip:] if skip else block
        skip = 0


def _by_status(problem: HfHubHTTPError, source: str) -> Exception:
    status = problem.response.status_code if problem.response is not None else 0
    if status in _LATER:
        return Interruption(f"the hub answers {status}", _retry_after(problem))
    if status in (401, 403):
        return WeightsError(f"the hub refuses {source} ({status}): {_SIGN_IN}")
    return WeightsError(f"the hub answers {status} for {source}: {problem}")


def _retry_after(problem: HfHubHTTPError) -> float:
    with contextlib.suppress(ValueError, AttributeError):
        return float(problem.response.headers.get("retry-after", "0"))
    return 0.0
