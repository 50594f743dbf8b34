"""HTTP/2 as a server speaks it (RFC 9113), without I/O, as far as gRPC needs it.

``frames`` cuts the byte stream into frames, ``header_blocks`` reads and writes HPACK, ``server_connection`` holds the
rules of a connection: streams, flow control, settings, limits.
"""
