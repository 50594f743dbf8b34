"""The contracts of filters, scorers and pickers.

A policy is a class in a file of its own under ``filters/``, ``scorers/`` or ``pickers/``: a ``type`` name, a
``Parameters`` Struct and one or two methods. Scores are 0 to 1, 1 best; None means "unknown" and becomes the mean of
the known ones (1 where nothing is known), so that an endpoint without a reading neither attracts nor starves.
Scores outside are clamped, NaN counts as 0.

``score`` is what a scorer *means*: the reference path and ``explain`` call nothing else. So that a pick need not walk
all endpoints, a scorer is one of five kinds by what it depends on, each with a cheaper second form:

=============== ========================================== =====================================================
FLEET           readings and labels                        once per fleet version
KEYED           these, and one value of the request        once per fleet version and ``key``, then cached
SPARSE          the request, for few endpoints             ``boosts`` names the few; all others get 0
IN_FLIGHT       own open requests at the endpoint          ``level`` of the one endpoint whose count changed
REQUEST         anything                                   every pick, every endpoint: avoid
=============== ========================================== =====================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest

if TYPE_CHECKING:
    import random

    from modelyard.picking.memory import Memory

Scores = Sequence[float | None]
"""One per candidate, in order."""

Boost = tuple[float, Collection[int]]
"""A score and the slots that get it."""


class Parameters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True
):
    """Base of all parameters. Unknown names are errors; ``__post_init__`` raises ValueError for bad values."""


class NoParameters(Parameters, frozen=True, kw_only=True):
    """The policy has no parameters."""


P = TypeVar("P", bound=Parameters)
_ParametersType = type[Parameters]


class Policy(ABC, Generic[P]):
    """What all policies have in common."""

    type: ClassVar[str]
    """Its name in an EndpointPickerConfig."""
    Parameters: ClassVar[_ParametersType] = NoParameters
    reads_prefixes: ClassVar[bool] = False
    """Whether it needs the prefix index (``memory.prefixes``) to be kept."""

    def __init__(self, parameters: P, memory: Memory) -> None:
        self.parameters = parameters
        self.memory = memory

    def new_fleet(self, candidates: Sequence[Candidate]) -> None:
        """The fleet changed: ``candidates`` are all ready endpoints of the pool."""

    def started(self, candidate: Candidate, request: PickRequest, now: float) -> None:
        """A request was sent to ``candidate``. Called before its prefix is recorded."""

    def forget(self, candidate: Candidate) -> None:
        """The endpoint left the pool."""


class Filter(Policy[P]):
    """Drops candidates."""

    @abstractmethod
    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        """Those that stay, in order."""

    def key(self, request: PickRequest) -> Hashable:
        """What ``keep`` reads of the request: results are cached by it and the fleet's version."""
        return None


class Gate(Filter[P]):
    """A filter that reads own open requests, so it is asked at every pick. It takes endpoints out of the choice;
    scores stay relative to all candidates."""


class Pin(Filter[P]):
    """A filter that leaves one endpoint or all."""

    @abstractmethod
    def address(self, request: PickRequest) -> str | None:
        """The endpoint that the request belongs to; None: no preference."""

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        address = self.address(request)
        pinned = [candidate for candidate in candidates if candidate.endpoint.address == address]
        return pinned or candidates


class Depends(Enum):
    """What a score depends on; see the module's table."""

    FLEET = "fleet"
    KEYED = "keyed"
    SPARSE = "sparse"
    IN_FLIGHT = "in-flight"
    REQUEST = "request"


class Scorer(Policy[P]):
    """Gives each candidate 0 to 1. Subclass one of the kinds below."""

    depends: ClassVar[Depends]

    @abstractmethod
    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        """The score of each candidate. Pure."""


class FleetScorer(Scorer[P]):
    """Reads the fleet only: ``request`` is not looked at."""

    depends = Depends.FLEET


class KeyedScorer(Scorer[P]):
    """Reads the fleet and one value of the request, of which there are few."""

    depends = Depends.KEYED

    @abstractmethod
    def key(self, request: PickRequest) -> Hashable:
        """The value that ``base`` depends on."""

    @abstractmethod
    def base(self, candidates: Sequence[Candidate], key: Hashable) -> Scores:
        """Scores for all requests with this key. ``boosts`` come on top; the sum is ``score``."""

    def boosts(self, request: PickRequest) -> Sequence[Boost]:
        """Additions for few endpoints."""
        return ()


class SparseScorer(Scorer[P]):
    """Non-zero for few endpoints of any one request."""

    depends = Depends.SPARSE

    @abstractmethod
    def boosts(self, request: PickRequest) -> Sequence[Boost]:
        """Scores, highest first. A slot counts where it is named first; slots not named get 0."""


class InFlightScorer(Scorer[P]):
    """Reads own open requests at the endpoint, and ``memory.busiest``."""

    depends = Depends.IN_FLIGHT

    by_unseen: ClassVar[bool] = False
    """The score is a function of ``Candidate.unseen`` and ``memory.busiest`` alone, so it is worked out once per
    count."""

    @abstractmethod
    def level(self, candidate: Candidate) -> float:
        """The score of one endpoint."""

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        return [self.level(candidate) for candidate in candidates]


class RequestScorer(Scorer[P]):
    """Everything else: computed for every candidate at every pick, which costs microseconds per endpoint."""

    depends = Depends.REQUEST


class Board(Protocol):
    """Totals of one pick, as pickers see them. Totals are whole points, 0 and above."""

    def slots(self) -> Sequence[int]:
        """All that may be chosen."""
        ...

    def total(self, slot: int) -> int:
        """Weighted sum of ``slot``; negative: it may not be chosen."""
        ...

    def ceiling(self) -> int:
        """No total is above this."""
        ...

    def best(self, count: int, rng: random.Random) -> list[int]:
        """Up to ``count`` slots, best first, equals in random order."""
        ...


class PickerParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of every picker."""

    max_num_of_endpoints: int = 3
    """Length of the answer: the endpoint and its fallbacks in order. The reference picker defaults to 1, which leaves
    a proxy nothing to retry on; three is one more than a request is worth retrying in practice."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_num_of_endpoints <= 16:
            raise ValueError("maxNumOfEndpoints must be 1 to 16")


class Picker(Policy[PickerParameters]):
    """Chooses by totals."""

    Parameters = PickerParameters

    takes_best: ClassVar[bool] = False
    """The first answer is always the highest total, equals at random."""

    @abstractmethod
    def pick(self, board: Board, count: int, rng: random.Random) -> list[int]:
        """Up to ``count`` slots, the primary first; empty only where ``board`` is. ``board`` may be used up."""


AnyPolicy = Policy[Any]
