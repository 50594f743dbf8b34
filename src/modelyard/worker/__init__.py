"""What a data-plane worker process is, whatever it speaks: fed by the control process, serving on without it.

- ``life``                  the process: configured, told of endpoints, asked, drained; a ``Server`` is what differs
- ``protocol``              its messages with the control process; ``control_link`` the connection that carries them
- ``orphanhood``            how it ends when the control process does not come back
- ``certificates``          TLS that changes under open sockets; ``listening_socket`` a bound socket
- ``timing_wheel``          one coarse timer for every deadline
- ``log_file``, ``log_stream``   where the access log goes; ``descriptors`` how many connections fit the process

``proxy.worker`` and ``extproc.worker`` are the two kinds.
"""
