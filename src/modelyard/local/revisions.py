"""The Pod templates that each Deployment had, kept in the home, so that a bad edit can be undone.

A revision is a Pod template; a template that comes back takes the next number, as on Kubernetes. ``undo`` cannot
change the file that the template came from, so it pins the Deployment to an earlier template for as long as the file
says what it said then: the next edit of the template is a new wish, and takes the pin away.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

import msgspec

from modelyard.local.home import Home
from modelyard.resources.apps import Deployment
from modelyard.resources.pods import PodTemplateSpec


class NoRevision(LookupError):
    """What was asked for is not kept; the message names what is."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One template. ``created`` is Unix time."""

    number: int
    digest: str
    template: PodTemplateSpec
    created: float
    cause: str = ""
    """Annotation ``kubernetes.io/change-cause`` of the Deployment, or what this yard did."""


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """An undo that is in force."""

    digest: str
    """Of the template that is used instead."""
    against: str
    """Digest of the file's template that is not used."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the home knows of one Deployment; revisions in order, the last is in force."""

    revisions: tuple[Revision, ...] = ()
    pin: Pin | None = None


CAUSE = "kubernetes.io/change-cause"


class Revisions:
    """The revisions of every Deployment of one home."""

    def __init__(self, home: Home) -> None:
        self._folder = home.root / "revisions"
        self._kept: dict[tuple[str, str], Kept] = {}

    def take(self, deployment: Deployment) -> Deployment:
        """The Deployment with the template that is in force, which is remembered: the file's, or that of a pin."""
        key = _key(deployment)
        kept, digest = self.kept(*key), template_digest(deployment.spec.template)
        pin = kept.pin if kept.pin is not None and kept.pin.against == digest else None
        pinned = _find(kept, pin.digest) if pin is not None else None
        if pinned is None:
            cause = deployment.metadata.annotations.get(CAUSE, "")
            now = _with(kept, deployment.spec.template, digest, cause)
        else:
            now = _with(kept, pinned.template, pinned.digest, pinned.cause)
        limit = deployment.spec.revision_history_limit
        now = Kept(revisions=now.revisions[-(max(0, limit) + 1) :], pin=pin if pinned is not None else None)
        self._keep(key, now)
        if pinned is None:
            return deployment
        return msgspec.structs.replace(
            deployment, spec=msgspec.structs.replace(deployment.spec, template=pinned.template)
        )

    def undo(self, deployment: Deployment, to: int = 0) -> Revision:
        """Pin ``deployment``, as its file has it, to revision ``to`` (0: the one before), from the next ``take`` on.
        An undo that leads back to what the file says takes the pin away. Raises NoRevision."""
        key = _key(deployment)
        kept = self.kept(*key)
        found = self._earlier(kept, to)
        against = template_digest(deployment.spec.template)
        self._keep(key, Kept(revisions=kept.revisions, pin=Pin(digest=found.digest, against=against)))
        if found.digest == against:
            self._keep(key, Kept(revisions=kept.revisions))
        return found

    @staticmethod
    def _earlier(kept: Kept, to: int) -> Revision:
        numbers = [revision.number for revision in kept.revisions]
        if to and to not in numbers:
            raise NoRevision(f"revision {to} is not kept; there are {', '.join(map(str, numbers)) or 'none'}")
        if to:
            return next(revision for revision in kept.revisions if revision.number == to)
        if len(kept.revisions) < 2:
            raise NoRevision("there is no earlier revision: its template has not changed since this home knows it")
        return kept.revisions[-2]

    def pinned_to(self, namespace: str, name: str) -> int:
        """Number of the revision in force where an undo chose it; 0: none did."""
        kept = self.kept(namespace, name)
        return kept.revisions[-1].number if kept.pin is not None and kept.revisions else 0

    def current(self, namespace: str, name: str) -> int:
        """Number of the revision in force; 0: none is known."""
        kept = self.kept(namespace, name)
        return kept.revisions[-1].number if kept.revisions else 0

    def kept(self, namespace: str, name: str) -> Kept:
        """What is known; a file that cannot be read counts as none."""
        key = (namespace, name)
        if key not in self._kept:
            self._kept[key] = Kept()
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                self._kept[key] = msgspec.json.decode(self._file(key).read_bytes(), type=Kept)
        return self._kept[key]

    def _keep(self, key: tuple[str, str], kept: Kept) -> None:
        """Write it in one step; a full disk loses history, never a replica."""
        if self._kept.get(key) == kept:
            return
        self._kept[key] = kept
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._file(key).with_suffix(f".{os.getpid()}.tmp")
            draft.write_bytes(msgspec.json.encode(kept) + b"\n")
            draft.chmod(0o600)
            draft.replace(self._file(key))

    def _file(self, key: tuple[str, str]) -> Path:
        return self._folder / f"{key[0]}_{key[1]}.json"


def template_digest(template: PodTemplateSpec) -> str:
    """Tells templates apart; the same text in another order of keys is another template."""
    return hashlib.blake2b(msgspec.json.encode(template), digest_size=8).hexdigest()


def _with(kept: Kept, template: PodTemplateSpec, digest: str, cause: str) -> Kept:
    """The history with this template as its last."""
    if kept.revisions and kept.revisions[-1].digest == digest:
        return kept
    number = kept.revisions[-1].number + 1 if kept.revisions else 1
    new = Revision(number=number, digest=digest, template=template, created=time.time(), cause=cause)
    others = tuple(revision for revision in kept.revisions if revision.digest != digest)
    return Kept(revisions=(*others, new), pin=kept.pin)


def _find(kept: Kept, digest: str) -> Revision | None:
    return next((revision for revision in kept.revisions if revision.digest == digest), None)


def _key(deployment: Deployment) -> tuple[str, str]:
    return deployment.metadata.namespace, deployment.metadata.name
