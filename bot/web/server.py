"""Starts and stops a process that serves."""

import asyncio
import secrets
import signal
import sys

import structlog
import uvloop
from aiohttp import web

from bot.crm import queries, store
from bot.crm.database import Database
from bot.errors import SettingError
from bot.passwords import hashed
from bot.service import Service, claim_name
from bot.settings import Settings
from bot.web.app import make_app

log = structlog.get_logger(__name__)

SHUTDOWN_SECONDS = 10.0


def serve(settings: Settings, *, host: str, port: int, role: str) -> None:
    """Serve in a role (`all`, `web` or `worker`) until the process is told to stop.

    Raises:
        SettingError: the name of this worker or the port is taken.
        Unavailable, ModelError: as `Service.build`.
    """
    with claim_name(settings.var, settings.worker_name):
        service = Service.build(settings, with_assistant=role != "web", owner=settings.worker_name)
        uvloop.run(_serve(service, host, port, role))  # sockets and threads take half the time of asyncio's own loop


async def _serve(service: Service, host: str, port: int, role: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if role == "worker":
        await service.start()
        print("Zhike works on turns.", file=sys.stderr, flush=True)
        await stop.wait()
        await service.stop()
        return
    _first_admin(service.database)
    runner = web.AppRunner(make_app(service), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, reuse_address=True).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::1"} else host  # noqa: S104 (compared, not bound)
    print(f"Zhike serves: http://{shown}:{port}/ (shop with widget), http://{shown}:{port}/agent (agents)", file=sys.stderr, flush=True)
    await stop.wait()
    await runner.cleanup()


def _first_admin(database: Database) -> None:
    """Somebody must be able to sign in: at the first start an admin is made, whose password is shown this once."""
    if database.transaction(queries.has_admin):
        return
    password = secrets.token_urlsafe(12)
    if admin := database.transaction(store.add_first_admin, "admin", hashed(password)):
        print(f"The first admin was made. Name: {admin.name}  Password: {password}  (shown this once)", file=sys.stderr, flush=True)
