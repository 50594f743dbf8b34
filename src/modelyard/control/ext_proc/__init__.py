"""The control process of ``modelyard epp`` and ``modelyard bbr``: what serves Envoy's ext_proc in place of a gateway.

- ``settings``           what the command line asks
- ``sources``            where resources and endpoints come from: one small interface, one file per source
- ``serving``            what is served of them: pools, the configuration in force, plugins
- ``discovery``          the file of endpoints that an EndpointPickerConfig may name
- ``certificate_files``  TLS key pairs: from files, watched, or made here
- ``process``            the process; ``view`` what it shows; ``pool_metrics`` pools under their known metric names
- ``run``                until it is told to stop
"""
