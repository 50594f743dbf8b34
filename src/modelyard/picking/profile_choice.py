"""Which profile a request runs through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.picking.contract import NoEndpoint, PickRequest
from modelyard.picking.settings import SchedulerConfig

if TYPE_CHECKING:
    from modelyard.picking.profile import Profile


class UnknownProfile(NoEndpoint):
    """A request header names a profile that does not exist: the client's fault, so 400, not 503."""

    status = 400


class ProfileChoice:
    """``header-profile-handler``: the profile that a header names, else a default one."""

    def __init__(self, config: SchedulerConfig, profiles: Sequence[Profile]) -> None:
        self._header = (config.profile_header or "").lower()
        self._default = config.default_profile
        self._profiles = {profile.name: profile for profile in profiles}

    def of(self, request: PickRequest) -> Profile:
        """The request's profile. Raises UnknownProfile."""
        name = (request.headers or {}).get(self._header) or self._default
        profile = self._profiles.get(name)
        if profile is None:
            names = ", ".join(sorted(self._profiles))
            raise UnknownProfile(f"header {self._header} names no profile of this pool; it has: {names}")
        return profile
