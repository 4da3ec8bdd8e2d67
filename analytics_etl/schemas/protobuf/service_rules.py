"""Rules about services that both versions have: what was removed from them, and their methods."""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import MethodDescriptorProto, MethodOptions

from analytics_etl.schemas.changes import Change
from analytics_etl.schemas.protobuf.elements import Module, Path, Service
from analytics_etl.schemas.protobuf.rules import changed, removed

_REQUEST, _RESPONSE, _IDEMPOTENCY_LEVEL = (2,), (3,), (4, 34)


def changes_of_services(old: Module, new: Module) -> Iterator[Change]:
    """What is broken in services of the same name."""
    for name, before in old.services.items():
        if name not in new.services:
            continue
        after = new.services[name]
        methods = {method.name: (path, method) for path, method in after.methods()}
        for _, method in before.methods():
            if method.name in methods:
                yield from _changes(method, *methods[method.name], after)
            else:
                element = f"{name}.{method.name}"
                yield removed("RPC_NO_DELETE", element, f"The method {element} was removed.", after.file, after.path)


def _changes(old: MethodDescriptorProto, path: Path, new: MethodDescriptorProto, service: Service) -> Iterator[Change]:
    element, file = f"{service.name}.{new.name}", service.file
    for rule, was, is_, place in (
        ("RPC_SAME_REQUEST_TYPE", old.input_type, new.input_type, _REQUEST),
        ("RPC_SAME_RESPONSE_TYPE", old.output_type, new.output_type, _RESPONSE),
    ):
        if was != is_:
            text = f"The method {element} has {is_.removeprefix('.')}, before {was.removeprefix('.')}."
            yield changed(rule, element, text, file, (*path, *place))
    for rule, had_stream, has_stream in (
        ("RPC_SAME_CLIENT_STREAMING", old.client_streaming, new.client_streaming),
        ("RPC_SAME_SERVER_STREAMING", old.server_streaming, new.server_streaming),
    ):
        if had_stream != has_stream:
            text = f"The method {element} {'streams now' if has_stream else 'does not stream any more'}."
            yield changed(rule, element, text, file, path)
    was_level, level = old.options.idempotency_level, new.options.idempotency_level
    if was_level != level:
        text = f"The method {element} has the idempotency level {MethodOptions.IdempotencyLevel.Name(level)}."
        yield changed("RPC_SAME_IDEMPOTENCY_LEVEL", element, text, file, (*path, *_IDEMPOTENCY_LEVEL))
