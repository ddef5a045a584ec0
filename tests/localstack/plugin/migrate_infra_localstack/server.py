"""The server of LocalStack (GATEWAY_SERVER=loopback): restricted to this machine, in both directions."""

from __future__ import annotations

import errno
import functools
import gc
import ipaddress
import logging
import os
import signal
import sys
import threading
from typing import Any

from cheroot import wsgi
from localstack.runtime.server.core import RuntimeServer
from localstack.runtime.server.plugins import RuntimeServerPlugin
from moto.core import responses
from rolo.gateway import Gateway
from rolo.gateway.wsgi import WsgiGateway

# In collections of the middle generation: in effect never. A full collection looks at more than a million objects,
# mostly service models, and takes up to a second.
FULL_COLLECTION_AFTER = 1_000_000
# Longer than clients keep idle connections (90 seconds): what the server closes can be in use at that moment.
IDLE_SECONDS = 120
# A connection occupies a thread until its first request has come, and clients open some in advance.
THREADS = 256


class LoopbackServerPlugin(RuntimeServerPlugin):
    """Entry point of the group `localstack.runtime.server`."""

    name = "loopback"

    def load(self, *_args: Any, **_kwargs: Any) -> Any:
        sys.addaudithook(_stay_on_this_machine)
        youngest, middle, _ = gc.get_threshold()
        gc.set_threshold(youngest, middle, FULL_COLLECTION_AFTER)
        # A line of the log does not show where in the code it was written ("Optimization", Python's logging HOWTO).
        logging._srcfile = None
        # moto lists the methods of a service's class for each request.
        responses.method_names_from_class = functools.cache(responses.method_names_from_class)
        return LoopbackServer()


class LoopbackServer(RuntimeServer):
    """Serves plain HTTP with a pool of threads.

    LocalStack's own server listens on all interfaces, and passes each request from an event loop to a thread and back.
    """

    def __init__(self) -> None:
        self.servers: list[wsgi.Server] = []

    def register(self, gateway: Gateway, listen: list[Any], ssl_creds: Any = None) -> None:
        # Plain HTTP only: no test needs TLS. A taken port is an error at once.
        for place in listen:
            assert ipaddress.ip_address(place.host).is_loopback, place.host
            at = (place.host, place.port)
            server = wsgi.Server(
                at,
                _application(gateway),
                numthreads=THREADS,
                request_queue_size=128,
                timeout=IDLE_SECONDS,
            )
            server.keep_alive_conn_limit = None
            server.prepare()
            self.servers.append(server)

    def run(self) -> None:
        # No state is persisted, so an orderly shutdown (up to six seconds in LocalStack) is unnecessary.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os._exit(0))
        for server in self.servers[1:]:
            threading.Thread(target=server.serve, daemon=True).start()
        self.servers[0].serve()

    def shutdown(self) -> None:
        for server in self.servers:
            server.stop()


def _application(gateway: Gateway) -> Any:
    application = WsgiGateway(gateway)

    def terminated(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input_terminated"] = True  # the server returns nothing after the end of the body
        environ["RAW_URI"] = environ["REQUEST_URI"]
        return application(environ, start_response)

    return terminated


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
