"""Runs RayServices: each on a Ray cluster of its own, on this machine.

``planning`` decides, purely, what a RayService means here: address, ports, command, environment, Serve config.
``cluster`` runs one Ray head under the watchdog and talks to its dashboard; ``service`` keeps one RayService
as it should be (deploy, change in place, new cluster beside, recover); ``runner.RayRunner`` does so for all of
a ResourceSet. ``engine`` finds a Ray, ``install`` adds one to the engine environment.

    RayService + ResourceSet + Machine --planning--> RayServicePlan --service--> cluster (watchdog) --> ray head
                                                                       |            ^ PUT /api/serve/applications/
                                                                       +-- conditions (as KubeRay reports them)
"""
