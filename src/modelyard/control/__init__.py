"""The control process: joins the shells. It reads manifests, watches engines, runs replicas, starts data-plane workers
and sends them snapshots; nothing on the request path waits for it."""
