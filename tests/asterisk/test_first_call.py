"""The first call, from dial tone to ticket, through the whole product."""

from __future__ import annotations

import pytest

from cti.builtin import SIM_NUMBER, sim_login
from sip_sim import selftest
from sip_sim.selftest import Check
from tests.asterisk.live import live

pytestmark = pytest.mark.asterisk


async def test_the_selftest_passes_on_a_fresh_installation() -> None:
    async with live() as product:
        checks: list[Check] = []
        report = await selftest.run(
            product.place, product.agent(sim_login(0)), SIM_NUMBER, product, checks.append
        )
        assert report.is_ok, f"{report.as_json()}\n{product.log_text()}"
