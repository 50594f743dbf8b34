"""The data plane: HTTP/1.1 sockets on one side, the Exchange on the other, endpoints' sockets behind.

::

    listeners ── ClientConnection ── ExchangeRelay ── UpstreamConnection ── UpstreamPool
                   heads, bodies      commands of the     one request,        keep-alive
                   of one client      Exchange, answer    its answer          per endpoint

- ``client_connection``    one client: takes requests apart, one at a time
- ``exchange_relay``       one exchange: performs what the Exchange commands and reports what came of it
- ``upstream_connection``  one connection to an endpoint; ``upstream_pool`` keeps them
- ``mirrored_request``, ``tunnel``  copies of requests; upgraded connections
- ``timing_wheel``         one coarse timer for every deadline
- ``listeners``, ``certificates``   sockets and TLS, changed without dropping a connection
- ``data_plane``           what the connections of a worker share
- ``worker``               the process; ``worker_protocol`` its messages with the control process

Nothing here decides where a request goes. There is no task, future or lock per request: every step runs in the callback
that brought its bytes.
"""
