"""The mechanism that all services share.

A LocalStack service is a table "operation name -> handler(context, request) -> response". `from_moto` builds this table
for a service that the free LocalStack lacks: moto, in the same process, executes every operation. `over_localstack`
uses the table of LocalStack's own provider. Both then wrap the handlers in the repairs of the service. A repair
receives the parsed request and the parsed answer as plain dictionaries, never the wire format: LocalStack's gateway
decodes the request and encodes the answer by AWS's service model, so every answer is strictly typed.
"""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.forwarder import create_aws_request_context
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.http import Response
from localstack.services.moto import call_moto
from localstack.services.plugins import Service
from moto.backends import get_backend

Dict = dict[str, Any]
Handler = Callable[[RequestContext, Dict], Any]
Repair = Callable[["Call"], Any]

# Headers that describe the encoding of the original request. They must not be copied to another protocol.
_ENCODING_HEADERS = ("Content-Type", "Content-Length", "Content-Encoding", "Smithy-Protocol", "X-Amz-Target", "Accept")


@dataclass
class Call:
    """One request that a repair processes."""

    context: RequestContext
    request: Dict
    _inner: Handler

    def forward(self, **changes: Any) -> Dict:
        """Forwards the request, with these parameters changed (None removes one), and returns the answer."""
        request = {k: v for k, v in {**self.request, **changes}.items() if v is not None}
        if changes:
            # The inner handler reads the HTTP request, so a changed request must be encoded again.
            context = reencode(self.context, request, self.context.protocol)
            return self._inner(context, context.service_request) or {}
        return self._inner(self.context, self.request) or {}

    def ask(self, operation: str, **request: Any) -> Dict:
        """Calls another operation of the same service in moto."""
        context = copy.copy(self.context)
        context.operation = context.service.operation_model(operation)
        return call_moto(reencode(context, request, context.protocol))

    @property
    def account(self) -> str:
        return self.context.account_id

    @property
    def region(self) -> str:
        return self.context.region

    def backend(self, service: str | None = None) -> Any:
        """Returns moto's data for this account and region."""
        regions = get_backend(service or self.context.service.service_name)[self.account]
        return regions[self.region if self.region in regions.regions else self.context.partition]

    @property
    def memory(self) -> dict[str, dict]:
        """Returns the data of a repair. It is stored on moto's backend, so that a state reset clears it, too."""
        return self.memory_of()

    def memory_of(self, service: str | None = None) -> dict[str, dict]:
        """Returns the data of the repairs of another service."""
        return self.backend(service).__dict__.setdefault("mended", defaultdict(dict))


class Repairs(dict[str, Repair]):
    """The repairs of one service by operation name; used as a decorator: `@repair("CreateService")`."""

    def __call__(self, *operations: str) -> Callable[[Repair], Repair]:
        def register(fn: Repair) -> Repair:
            self.update(dict.fromkeys(operations, fn))
            return fn

        return register


def refuse(code: str, message: str, status: int = 400) -> CommonServiceException:
    """Returns an AWS error answer to raise."""
    return CommonServiceException(code, message, status_code=status, sender_fault=status < 500)


def from_moto(service: str, repairs: Repairs, protocol: str | None = None) -> Service:
    """Serves `service` from moto. `protocol` is the one to use if moto does not support that of the caller."""

    def ask_moto(context: RequestContext, request: Dict) -> Any:
        if protocol and context.protocol != protocol:
            context = reencode(context, request, protocol)
        return call_moto(context)

    operations = load_service(service).operation_names
    table: dict[str, Handler] = dict.fromkeys(operations, ask_moto)
    return Service(service, skeleton=Skeleton(load_service(service), _mended(table, repairs)))


def over_localstack(plugin: Any, repairs: Repairs) -> Service:
    """Wraps LocalStack's own provider (a plug-in of `localstack.services.providers`) in repairs."""
    service: Service = plugin.factory().create_service()
    service.skeleton.dispatch_table = _mended(service.skeleton.dispatch_table, repairs)
    return service


def reencode(context: RequestContext, request: Dict, protocol: str) -> RequestContext:
    """Encodes the call with this request in this protocol. Credentials, and thus the account, are kept."""
    new = create_aws_request_context(
        service_name=context.service.service_name,
        action=context.operation.name,
        parameters=request,
        region=context.region,
        protocol=protocol,
        endpoint_url="http://127.0.0.1",
    )
    headers = copy.deepcopy(context.request.headers)
    for name in _ENCODING_HEADERS:
        headers.pop(name, None)
    headers.update({k: v for k, v in new.request.headers.items() if k.lower() != "authorization"})
    new.request.headers = headers
    new.account_id, new.partition, new.request_id = context.account_id, context.partition, context.request_id
    return new


def _mended(table: dict[str, Handler], repairs: Repairs) -> dict[str, Handler]:
    unknown = set(repairs) - set(table)
    assert not unknown, f"repairs for unknown operations: {sorted(unknown)}"
    # moto's dictionaries do not support parallel calls, and the tool sends many: one at a time per service.
    lock = threading.RLock()
    return {operation: _guarded(inner, repairs.get(operation), lock) for operation, inner in table.items()}


def _guarded(inner: Handler, repair: Repair | None, lock: threading.RLock) -> Handler:
    def handle(context: RequestContext, request: Dict) -> Dict | Response | None:
        with lock:
            try:
                return repair(Call(context, request or {}, inner)) if repair else inner(context, request)
            except CommonServiceException as error:
                _use_wire_code(context, error)
                raise

    return handle


def _use_wire_code(context: RequestContext, error: CommonServiceException) -> None:
    """Sets the wire code of an error; moto confuses it with the shape name (typed SDKs use the code)."""
    for shape in context.operation.error_shapes:
        if shape.name == error.code:
            error.code = shape.metadata.get("error", {}).get("code", error.code)


def tag_dict(tags: list[Dict] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Returns AWS's list of tags as a dictionary."""
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def tag_list(tags: dict[str, str]) -> list[Dict]:
    """Returns a dictionary of tags as AWS's list."""
    return [{"Key": k, "Value": v} for k, v in tags.items()]
