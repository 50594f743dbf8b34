"""HTTPRoutes compiled into one table: request line and headers -> rule, filters, weighted backends. Pure.

::

    ResourceSet ── compile ──> Compiled(table: RouteTable, statuses: Statuses)

    table.candidates(group id, host, path) -> Candidates | None      None: 404
    candidates.reads_headers                                         does the body have to be read first?
    candidates.select(method, headers, query) -> CompiledRule | None None: 404
    rule.filters / rule.pick_backend(random) -> CompiledBackend      None or ``error``: 500

=====================  ==========================================================================
file                   what it holds
=====================  ==========================================================================
``table``              the table and the candidates of one host and path
``rules``              one compiled rule, with what its match says about the request
``indexing``           rules that share host and path, indexed by the header that tells them apart
``hostnames``          host patterns: normal form, wildcard, intersection
``paths``              path matches, and the map from a path to its candidates
``matching``           header, query and method conditions of one match
``patterns``           regular expressions without back-references, look-around or exponential time
``backends``           a rule's backends and the weighted choice among them
``listeners``          what has to be bound: listener groups and their listeners
``filters/``           one file per HTTPRoute filter: frozen values with pure functions
``compile``            resources -> table and statuses
``attachment``         which routes attach to which listeners, and why not
``references``         references across namespaces and to backends and certificates
``conditions``         the conditions of Kubernetes, with the standard types and reasons
``statuses``           every resource's status as Kubernetes would show it
=====================  ==========================================================================

Source of the rules: Gateway API v1.6, ``HTTPRoute`` and ``Gateway`` reference.
"""
