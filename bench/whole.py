"""The whole service in the bench's own process, on a database in a folder of its own, with its AMI from ``bench.replay``."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from asterisk_conf.secrets import load_or_make_secrets
from bench.replay import AGENTS
from cti.bootstrap import Service, build, running
from cti.builtin import with_simulators
from cti.cli.deployment import sample_company
from cti.company import Company, parse_company
from cti.config import PbxSettings, Settings, WebSettings
from tests.asterisk.pbx import free_port


@contextlib.asynccontextmanager
async def service_on(ami_port: int, company: Company | None = None) -> AsyncIterator[Service]:
    """Started with a company, or with the sample one and its simulated agents; stopped with the block."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    company = company or with_simulators(parse_company(sample_company()), AGENTS)
    with tempfile.TemporaryDirectory(prefix="rd-bench-", ignore_cleanup_errors=True) as folder:
        settings = Settings(
            home=Path(folder),
            simulated_agents=AGENTS,
            pbx=PbxSettings(ami_port=ami_port, agi_port=free_port()),
            web=WebSettings(port=free_port()),
        )
        settings.spool_dir.mkdir(parents=True, exist_ok=True)
        service = await build(
            settings, company, load_or_make_secrets(settings.secrets_file, company)
        )
        async with running(service):
            await service.switch.wait_until_up()
            yield service
