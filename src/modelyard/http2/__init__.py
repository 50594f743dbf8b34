"""HTTP/2 as a server speaks it (RFC 9113), and gRPC on top, without I/O.

``frames`` cuts the byte stream into frames, ``header_assembly`` and ``header_blocks`` make requests of HEADERS,
``server_connection`` (with ``housekeeping`` and ``outgoing``) holds the rules of a connection, ``server_stream`` those
of one request, ``server_limits`` what a peer may ask for; ``grpc`` cuts messages and writes statuses.
"""
