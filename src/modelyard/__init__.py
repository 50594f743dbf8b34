"""Modelyard: one address in front of all your models, and the yard that runs them.

The architecture on one page.

A request::

    bytes ─ proxy ─ Exchange.on_head ─ routing: listener, host, path, method, headers, query
          ─ [body needed?] Exchange.on_body ─ bodies: RequestFacts (model, stream, prompt)
          ─ model headers set, route and backend chosen, name mapped ─ flow: admit | wait | shed
          ─ picking: filters, Σ weight · score, picker ─ Decision (target, fallbacks, why)
          ─ proxy forwards ─ response head, bytes (observed, rarely changed) ─ Exchange.on_end ─ telemetry

Processes: one *control* process (manifests, scraping, health, replicas, admin) and N data-plane *workers* that share
the listening ports. The control process sends resources and fleet changes over a Unix socket; a worker compiles them
into a ``Snapshot`` and serves on with its last one when the control process dies. Nothing on the request path waits for
anything that comes in sideways.

Layers; each imports only what stands below it (import-linter holds us to it)::

    cli          one file per subcommand
    control      the control process: joins the shells, supervises workers
    admin        the admin API
                 ── shells: all I/O; they never import each other ──
    proxy        the data plane: HTTP/1.1 sockets <-> Exchange
    extproc      Envoy's ext_proc over gRPC <-> Exchange: endpoint picker and body-based router
    scrape       engine metrics, health checks, model lists -> Fleet
    manifests    files and folders, read and watched -> ResourceSet
    local        Deployments as processes of this machine: probes, updates, drain; ``local.ray``: RayServices on Ray
                 clusters of their own; ``local.jobs``: Jobs that download models
    lora         adapters: what is wanted, what is loaded, and the loop that makes the two equal
    weights      where a model's files come from: hub, buckets, folders, demo models; checked and shared
    sim          a simulated model server
    worker       what a data-plane worker process of either kind is: its life, its link to the control process
    telemetry    metrics and access log; read by all shells
                 ── pure: no I/O, clock, randomness or logging; `now` and `rng` are arguments ──
    envoy        Envoy's configuration out of the same resources
    exchange     one request's life; the only package that joins the layers below
    snapshot     routes, pools, settings: built from resources, swapped whole
    picking      one policy = one file under filters/, scorers/, pickers/; the scheduler
    flow         admission: priority bands, fairness, queueing, shedding, saturation
    fleet        endpoints and their load; engines/ one file per engine
    bodies       API dialects, one file each: body -> facts; model rewrite; usage out of answers
    routing      HTTPRoutes compiled into one table; conditions; model targets
    http1        strict HTTP/1.1 codec
    http2        HTTP/2 and gRPC as a server speaks them
    shortform    kind Yard expanded to the objects that it stands for
    findings     remarks of ``check`` on manifests that are right by the letter
    sizing       GPUs and memory that a replica asks for, and whether they are there
    resources    what the user wrote: frozen typed objects, one file per API group

Where to add what: a scoring policy is a file in ``picking/scorers``; an engine a file in ``fleet/engines``; an API
dialect a file in ``bodies`` and a row in ``bodies.dialects``; a kind a type in ``resources`` and a row in
``resources.kinds``; a remark of ``check`` a function in ``findings`` and a row in ``findings.table``; what must change
of a manifest without a GPU a row in ``local.cpu_settings``; a source of weights a file in ``weights`` and a case in
``weights.stores``; a metric a row in ``telemetry.catalogue``; a subcommand a file in ``cli`` and a name in
``cli.main``.
"""

__version__ = "0.1.0"
