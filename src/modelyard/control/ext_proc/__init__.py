"""The control process of ``modelyard epp`` and ``modelyard bbr``: what serves Envoy's ext_proc in place of a gateway.

- ``settings``           what the command line asks
- ``sources``            where resources and endpoints come from: one small interface, one file per source
- ``serving``            what is served of them: pools, the configuration in force, plugins
- ``discovery``          the file of endpoints that an EndpointPickerConfig may name
- ``certificate_files``  TLS key pairs: from files, watched, or made here
- ``ports``              are they free?
- ``process``            the process; ``run`` runs it until it is told to stop
- ``view``               what it shows; ``pool_metrics``, ``router_metrics`` under their known metric names;
  ``explaining`` what a worker is asked
"""
