"""Envoy's external processing (ext_proc) over gRPC: the endpoint picker and the body-based router.

``grpc_server`` serves gRPC on asyncio; ``grpc_stream`` is what a method sees of it; ``health_service`` answers
``grpc.health.v1``.
"""
