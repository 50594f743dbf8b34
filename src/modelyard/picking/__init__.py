"""Which endpoint of a pool gets a request. Pure: time and randomness come as arguments.

Filters drop endpoints, scorers give each one left 0 to 1, a picker chooses by the weighted sum. One policy is one
file under ``filters/``, ``scorers/`` or ``pickers/`` and is found by itself (``registry``); ``policy`` is its contract.
``config`` turns an EndpointPickerConfig into a checked ``SchedulerConfig``; ``Scheduler`` runs it, fast; ``reference``
runs it plainly, for ``explain`` and as the measure that the fast path is tested against.

What a pick costs. Points that depend on the fleet alone are summed once per fleet version (``view``). Points of own
open requests change at one endpoint at a time (``ranking``). A request adds points to the few endpoints that its
sparse scorers name (``groups``, ``large_pool``). So a pick does not walk the pool.

What is known of load, and when. A reading is up to a scrape old, so a burst would all go to whoever looked best. Each
worker therefore counts the requests that it sent after the reading was taken and that are still open
(``Candidate.unseen``), and ``active-request-scorer`` spreads by that count. Older requests are in the reading, where
the queue and cache scorers see them; they are not counted twice. An endpoint without a reading, or with one older than
two seconds, gets the mean score of the others, and all its open requests count as unseen: an engine that hangs is left
alone because its requests do not end.

Scores are relative to the candidates: ready endpoints that the subset and the filters leave. Endpoints that are taken
out for one request only (``exclude``, gates on own open requests) cannot be chosen but still count as candidates.
"""
