"""What is known of model servers, as immutable values. Pure: nothing here reads a clock or opens a socket.

``discovery`` says which endpoints a backend has, ``engines`` (one file per engine) says how each engine is
recognised and what its metrics mean, ``health`` decides readiness, ``fleet`` holds the result and ``delta``
carries its changes to the data-plane workers. The ``scrape`` shell does the reading.
"""
