"""The short form (``kind: Yard``) expanded to the Kubernetes objects that it stands for. Pure.

``expansion.expand`` gives them as plain values, written as a person would write them, for this machine or for a
cluster; ``expansion.expanded`` gives them as loaded objects. ``servers`` makes the Deployments, ``node_groups`` the
LeaderWorkerSets of replicas that span nodes, ``ray_servers`` the RayServices, ``volumes`` says where weights are
mounted, ``routing`` makes the Gateway, routes, pools and names, ``lora_syncer`` what a cluster needs to load adapters.
"""
