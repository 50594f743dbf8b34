"""``--endpoint [NAMESPACE/]NAME=IP:PORT,…`` of ``epp`` and ``envoy-config``: addresses of backends, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.control.ext_proc.discovery import addresses_of
from modelyard.fleet.fleet import BackendKey

_SHOWN_NAMES = 8


def addresses_given(text: str) -> tuple[str, tuple[str, ...]]:
    """The name and the addresses of one ``--endpoint``; without ``=`` the name is empty. Ends with a clear error where
    an address is none."""
    name, equals, listed = text.rpartition("=")
    try:
        addresses = addresses_of([listed])
    except ValueError as problem:
        fail(f"--endpoint {text!r}: {problem}.", ExitCode.USAGE)
    if not addresses or (equals and not name):
        fail(f"--endpoint {text!r}: write [NAMESPACE/]NAME=IP:PORT[,IP:PORT...].", ExitCode.USAGE)
    return name, addresses


def addresses_by_backend(given: Sequence[str], known: Collection[BackendKey]) -> dict[BackendKey, tuple[str, ...]]:
    """All addresses of each backend that is named; ends with a clear error for one that is not ``known``."""
    found: dict[BackendKey, dict[str, None]] = {}
    for text in given:
        name, addresses = addresses_given(text)
        if not name:
            fail(f"--endpoint {text!r}: write [NAMESPACE/]NAME=IP:PORT[,IP:PORT...].", ExitCode.USAGE)
        try:
            key = backend_named(name, known)
        except ValueError as problem:
            fail(f"--endpoint {text!r}: {problem}.", ExitCode.USAGE)
        found.setdefault(key, {}).update(dict.fromkeys(addresses))
    return {key: tuple(addresses) for key, addresses in found.items()}


def backend_named(name: str, known: Collection[BackendKey]) -> BackendKey:
    """The backend that ``[[KIND/]NAMESPACE/]NAME[:PORT]`` means; where an InferencePool and a Service share the name,
    the one with a port is the Service. Raises ValueError, which says what there is."""
    path, _, port = name.partition(":")
    kind, namespace, own = _path_of(path)
    fits = [
        key
        for key in known
        if (key.namespace, key.name) == (namespace, own)
        and kind in ("", key.kind)
        and (not port or str(key.port) == port)
    ]
    pools = [key for key in fits if key.kind == "InferencePool"]
    found = pools or fits
    if len(found) > 1:
        raise ValueError(f"the Service has several ports, name one of: {_listed(found)}")
    if not found:
        raise ValueError(f"the manifests have nothing of that name; there is: {_listed(known)}")
    return found[0]


def spelling(key: BackendKey) -> str:
    """A backend as ``--endpoint`` names it."""
    namespace = "" if key.namespace == "default" else f"{key.namespace}/"
    return f"{namespace}{key.name}{f':{key.port}' if key.port else ''}"


def _path_of(path: str) -> tuple[str, str, str]:
    """Kind, namespace, name."""
    parts = path.split("/")
    if len(parts) > 3:
        raise ValueError("write [NAMESPACE/]NAME=IP:PORT[,IP:PORT...]")
    kind, namespace, name = ["", *["default", *parts][-2:]] if len(parts) < 3 else parts
    return kind, namespace, name


def _listed(keys: Iterable[BackendKey]) -> str:
    names = [spelling(key) for key in sorted(keys)]
    more = [f"and {len(names) - _SHOWN_NAMES} more"] if len(names) > _SHOWN_NAMES else []
    return ", ".join([*names[:_SHOWN_NAMES], *more]) or "none"
