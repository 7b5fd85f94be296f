"""The sandbox that a run starts for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toplist.api.credentials import Credentials
from toplist.ranktypes import Protocol
from toplist.sandbox.process import SandboxProcess

if TYPE_CHECKING:
    from toplist.run import Run


async def start_sandbox(run: Run) -> SandboxProcess:
    """Start a sandbox that holds the run to its own limits, and ask it from here on. The caller stops it."""
    limits = run.config.limits
    options = {
        "date": run.asked.snapshot_date,
        "qps": limits.qps,
        "category-interval": limits.category_interval,
        "pause": limits.pause,
    }
    sandbox = await run.in_thread(lambda: SandboxProcess(*(f"--{name}={value}" for name, value in options.items())))
    token = sandbox.access_token if run.config.protocol is Protocol.OPENPLATFORM else None
    run.use_gateway(sandbox.url, Credentials(sandbox.app_key, sandbox.app_secret, token))
    return sandbox
