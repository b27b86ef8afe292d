"""A service of gRPC that is not of Node, and a client of one: `echo.py serve PORT`, `echo.py call TARGET METHOD TEXT...`.

Messages are bare bytes, so that no generated code is needed.
"""

import sys
from concurrent import futures

import grpc

SERVICE = "pando.test.Echo"


def same(value):
    return value


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata((("x-why", "asked"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked: äöü")
    if request == b"wait":
        import time

        while context.is_active():
            time.sleep(0.01)
        print("cancelled", flush=True)
    context.set_trailing_metadata((("x-length", str(len(request))),))
    return request


def collect(requests, context):
    return b",".join(requests)


def repeat(request, context):
    for index in range(int(request)):
        yield b"%d" % index


def both(requests, context):
    for request in requests:
        yield b"got " + request


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        name = details.method.rsplit("/", 1)[-1]
        kinds = {
            "Unary": (grpc.unary_unary_rpc_method_handler, unary),
            "Collect": (grpc.stream_unary_rpc_method_handler, collect),
            "Repeat": (grpc.unary_stream_rpc_method_handler, repeat),
            "Both": (grpc.stream_stream_rpc_method_handler, both),
        }
        if not details.method.startswith(f"/{SERVICE}/") or name not in kinds:
            return None
        make, handler = kinds[name]
        return make(handler, request_deserializer=same, response_serializer=same)


def serve(port):
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.max_receive_message_length", -1)]
    )
    server.add_generic_rpc_handlers((Echo(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


def call(target, method, texts):
    path = f"/{SERVICE}/{method}"
    messages = [text.encode() for text in texts]
    with grpc.insecure_channel(target) as channel:
        try:
            if method == "Unary":
                print(channel.unary_unary(path, same, same)(messages[0], timeout=10).decode())
            elif method == "Collect":
                print(channel.stream_unary(path, same, same)(iter(messages), timeout=10).decode())
            elif method == "Repeat":
                for answer in channel.unary_stream(path, same, same)(messages[0], timeout=10):
                    print(answer.decode())
            else:
                for answer in channel.stream_stream(path, same, same)(iter(messages), timeout=10):
                    print(answer.decode())
        except grpc.RpcError as error:
            print(f"{error.code().value[0]} {error.details()}")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    call(sys.argv[2], sys.argv[3], sys.argv[4:])
