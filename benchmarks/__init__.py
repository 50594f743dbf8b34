"""What Modelyard costs, beside the peers, on this machine: ``make bench`` (``python -m benchmarks.run``).

- ``run``          the whole comparison; ``report`` its tables and JSON
- ``ext_proc``     Envoy with endpoint pickers, ``pick_times`` their picks; ``ext_proc_report`` its tables and JSON
- ``cases``        what is asked: bodies, connections, streams
- ``peers``        who is asked, one file each: how it is started and which of its processes count
- ``backend``      the model servers behind every peer: a process that costs as little as possible
- ``load``         the clients in front: a process of its own that also reads the peers' CPU clocks
- ``comparison``   interleaved rounds of peers and cases; ``idle`` what they cost with nothing to do
- ``processes``    starting on a core, CPU clocks, memory, ending
- ``open_streams`` ten thousand open streams and slow readers on one worker
- ``profile_path`` where a request's microseconds go inside a worker; ``profile_picker`` inside a picker or router

The peer under test has one core to itself, clients and backends the other. CPU time is the processes' own user and
system time; requests per second and latencies stand beside it.
"""
