# SPDX-License-Identifier: GPL-3.0-or-later
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))


@pytest.fixture(scope="module")
def world():
    """One world a file: a collector and its people; tests add hosts."""
    if os.geteuid() != 0:
        pytest.skip("needs root for network namespaces")
    from world import World
    with World("test") as w:
        yield w


@pytest.fixture(scope="module")
def people(world):
    """(collector, responder who also recovers and verifies, approver)."""
    col = world.collector(settings={
        "orders": {"operator_min_age": "1s", "budget_percent_hour": "100", "confirm": "10s"},
        "probation": {"recheck": ["m1 3s", "m2 6s"], "late": "10m"}})
    wang = col.operator("wang", "responder", "recovery", "verifier", "baseline", "analyst")
    li = col.operator("li", "approver", "commander", "auditor")
    return col, wang, li


def pytest_runtest_makereport(item, call):
    """A red scenario shows the end of every program's log."""
    if call.when == "call" and call.excinfo is not None and "world" in item.funcargs:
        item.add_report_section("call", "logs", item.funcargs["world"].logs())
