"""The data plane: HTTP/1.1 sockets on one side, the Exchange on the other, endpoints' sockets behind.

::

    listeners ── ClientConnection ── ExchangeRelay ── UpstreamConnection ── UpstreamPool
                   heads, bodies      commands of the     one request,        keep-alive
                   of one client      Exchange, answer    its answer          per endpoint

- ``client_connection``    one client: takes requests apart, one at a time
- ``exchange_relay``       one exchange: performs what the Exchange commands and reports what came of it
- ``upstream_connection``  one connection to an endpoint; ``upstream_pool`` keeps them
- ``mirrored_request``, ``tunnel``  copies of requests; upgraded connections
- ``listeners``            sockets and TLS, changed without dropping a connection
- ``data_plane``           what the connections of a worker share
- ``worker``               the process; what is common to all workers stands in ``modelyard.worker``

Nothing here decides where a request goes. There is no task, future or lock per request: every step runs in the callback
that brought its bytes.
"""
