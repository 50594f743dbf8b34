"""Runs the model servers that manifests describe as processes of this machine.

``plan`` decides, purely, what a Deployment means here: command, environment, files, addresses, and what has
no meaning here and why. ``supervisor.LocalRunner`` makes it so and keeps it so: start, probe, restart,
replace, drain, stop. ``engines`` finds a vLLM to run with and ``engine_install`` installs one.

    Deployment + ResourceSet + Machine --plan--> ReplicaPlan --replica--> child (watchdog) --> engine
                                                     ^ cpu_settings        |
                                                                           +-- <home>/logs/<replica>.log
"""
