"""Envoy's external processing (ext_proc) over gRPC: the endpoint picker and the body-based router.

The server: ``grpc_server`` serves gRPC on asyncio; ``grpc_stream`` is what a method sees of it; ``health_service``
answers ``grpc.health.v1``.

A stream is one HTTP request::

    bytes ─ processing_request ─ processor_stream ┬ request_side ─ (PickedRequest | RoutedRequest) ─ request_answering
                                                  └ response_side ─ PickedRequest                          │
    bytes ─ processing_response ───────────────────────────────────────────────────────────────────────────┘

``endpoint_picker`` and ``body_based_router`` open the streams of a process (``picker_stream``, ``router_stream``);
``pool_choice`` says which InferencePool one is about. Messages are read and written by hand (``protobuf_wire``,
``protobuf_struct``): only a few fields of few messages are used, and a body is copied once.
"""
