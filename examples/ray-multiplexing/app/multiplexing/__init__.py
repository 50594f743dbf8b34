"""Several models behind one Ray Serve application, told apart by the multiplexed model id.

``application.build`` is the application's import path; ``settings`` reads which models there are, ``ingress`` picks one
for each request, ``model_server`` runs it on vLLM.
"""
