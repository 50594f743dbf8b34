"""A strict HTTP/1.1 codec without I/O: bytes in, values out, and back (RFC 9110, RFC 9112).

- ``message_heads``     heads as values
- ``header_fields``     one field line: checked, split, remembered; hop-by-hop fields
- ``request_parsing``   a request head, or why it is refused
- ``response_parsing``  a response head, or why the endpoint is not believed
- ``chunked_coding``    the chunked transfer coding, both ways
- ``serialising``       heads back to bytes; a value can never add a line

Two readers that disagree about where a message ends let one client write into another's connection. So
nothing is repaired here: what RFC 9112 does not allow is refused, also where it lets a reader be lenient.
"""
