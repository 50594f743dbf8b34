"""Envoy's configuration out of the same resources: a complete bootstrap, or parts that a running Envoy watches. Pure.

::

    Snapshot + pools' endpoints + settings ── edge ──> Edge(listeners, route tables, clusters, endpoints, remarks)
    bootstrap.static_bootstrap(edge)    one file, for an Envoy that is run by hand
    bootstrap.watched_bootstrap(edge)   a small file that names others, for an Envoy whose fleet changes

What it has to hold, whatever the picker does (measured on Envoy 1.40, table in ``docs/envoy.md``):

* The pick travels in dynamic metadata only. A client's own fields are removed before any filter reads them
  (``client_headers``), and no cluster reads a header or the original destination (``pools``).
* ``failure_mode_allow`` is always on, so that a picker that dies never cuts an answer that has begun; what must not go
  unpicked is held back by the cluster: the fallback policy of a pool that fails closed selects nothing (``pools``).
* The body is buffered, so that nothing that the picker does can lose a part of it (``external_processing``).

=========================  ======================================================================
file                       what it holds
=========================  ======================================================================
``edge``                   the whole: one snapshot as Envoy's resources
``bootstrap``              both bootstraps, and the files that the second one watches
``overload``               what happens when memory runs short
``listeners``              sockets, TLS, one HTTP connection manager per listener
``connection_manager``     filters in their order, limits, time-outs
``client_headers``         fields that only Modelyard sets
``upgrades``               what may ask for WebSocket
``external_processing``    the filters that ask the body-based router and the endpoint picker
``router_answer``          what becomes of a request that the router did not answer for
``virtual_hosts``          hosts in the order of listener isolation, rules in the order of precedence
``rules``                  one rule as Envoy routes
``forwarding``             what happens to a request that goes to backends
``matches``                path, method, header and query conditions
``route_filters``          HTTPRoute filters
``model_paths``            the model API's paths, as they are before a route's rewrite
``pools``                  clusters of InferencePools and Services, and their endpoints
``health_checks``          checks of endpoints that nobody picks
``processor_clusters``     clusters of picker and router
``local_replies``          Envoy's own answers as the API's error objects
``text``                   commented YAML
=========================  ======================================================================
"""
