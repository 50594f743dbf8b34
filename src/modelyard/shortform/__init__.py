"""The short form (``kind: Yard``) expanded to the Kubernetes objects that it stands for. Pure.

``expansion.expand`` gives them as plain values, written as a person would write them, for this machine or for a
cluster; ``expansion.expanded`` gives those for this machine as loaded objects. ``servers`` makes the Deployments,
``volumes`` says where weights are mounted, ``routing`` makes the Gateway, routes, pools and names, ``lora_syncer`` what
a cluster needs to load adapters.
"""
