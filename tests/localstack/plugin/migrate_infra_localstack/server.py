"""The server of LocalStack (GATEWAY_SERVER=loopback): restricted to this machine, in both directions."""

from __future__ import annotations

import errno
import functools
import ipaddress
import os
import signal
import sys
from typing import Any

from localstack.runtime.server.plugins import RuntimeServerPlugin


class LoopbackServerPlugin(RuntimeServerPlugin):
    """Entry point of the group `localstack.runtime.server`."""

    name = "loopback"

    def load(self, *_args: Any, **_kwargs: Any) -> Any:
        sys.addaudithook(_stay_on_this_machine)
        from localstack.runtime.server.twisted import TwistedRuntimeServer
        from rolo.serving.twisted import TwistedGateway
        from twisted.internet import reactor
        from twisted.web import http

        # The parser of e-mail headers would take a tenth of the time of a request, and the values are always the same.
        http._parseContentType = functools.lru_cache(http._parseContentType)

        class LoopbackServer(TwistedRuntimeServer):
            def register(self, gateway: Any, listen: list[Any], ssl_creds: Any = None) -> None:
                # LocalStack's own twisted server ignores the host of GATEWAY_LISTEN and listens on all interfaces.
                # Plain HTTP only: no test needs TLS. A taken port is an error at once.
                for place in listen:
                    assert ipaddress.ip_address(place.host).is_loopback, place.host
                    reactor.listenTCP(place.port, TwistedGateway(gateway), interface=place.host)

            def run(self) -> None:
                # No state is persisted, so an orderly shutdown (up to six seconds in LocalStack) is unnecessary.
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, lambda *_: os._exit(0))
                super().run()

        return LoopbackServer()


def _stay_on_this_machine(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: refuses every connection and name lookup that leaves this machine.

    LocalStack calls home for several reasons (for example for its service catalogue at the first unknown operation),
    and not every one can be switched off. Tests must behave the same with and without a network.
    """
    match event, args:
        case "socket.connect" | "socket.connect_ex" | "socket.sendto", (_, (host, *_)):
            pass
        case "socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr", (host, *_):
            pass
        case _:
            return
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"the test lane does not leave this machine: {host}")
