"""The cost model, against sums made by hand; and the page that shows it, which may not lag behind."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.units import consumed, item_bytes, transaction_units
from scripts.cost import moorage, page, peers
from scripts.cost.__main__ import PAGE, main
from scripts.cost.bill import Bill
from scripts.cost.moorage import Shape, Use
from scripts.cost.prices import Counts, Price, Prices, load_counts, load_prices

ROOT = Path(__file__).parents[2]
ROUND = Prices("here", "today", {name: Price(1.0, "", "", "") for name in load_prices().table})
"""A dollar for everything: totals are counts."""
COUNTS = {
    "pull_warm": Counts(5, 4, 0, 0),
    "pull_cold": Counts(13, 6, 0, 0),
    "push_warm": Counts(28, 98, 22, 0),
    "push_cold": Counts(32, 102, 24, 2),
}
QUIET = Shape(encryption="aws", alarms=False, dashboard=False, metrics=False, tracing=False, access_logs=False)
USE = Use(platform_log_bytes=0)


def components(bill: Bill) -> dict[str, float]:
    return {name: pytest.approx(count) for name, count in bill.by_component().items()}


def test_a_pull_through_rest_apis() -> None:
    """Six blobs: HEAD, GET, 6 GETs and a token are billed, the 401 of GET /v2/ is not; the authorizer is called once."""
    bill = moorage.pull(ROUND, COUNTS, QUIET, Use(platform_log_bytes=0, cold=0))
    gb_s = 8 * 0.015 + 0.5 * 0.005 + 0.040
    assert components(bill) == {"API Gateway": 9, "Lambda": 10 + gb_s, "DynamoDB": 5 + 4, "S3": 6}


def test_a_pull_through_an_http_api_pays_for_the_401_and_no_authorizer() -> None:
    bill = moorage.pull(ROUND, COUNTS, replace(QUIET, door="http"), Use(platform_log_bytes=0, cold=1))
    gb_s = 9 * 0.015 + 0.040
    assert components(bill) == {"API Gateway": 10, "Lambda": 10 + gb_s, "DynamoDB": 13 + 6, "S3": 6}


def test_a_pull_through_a_load_balancer_costs_units_and_a_little_processor() -> None:
    """Ten answers of 3 KB are 30 KB, 0.00003 GB; two connections of 90,000 are 0.0000222: the bytes decide."""
    bill = moorage.pull(ROUND, COUNTS, page.with_uploads(replace(QUIET, door="alb")), USE)
    assert components(bill) == {
        "load balancer": 3e-5, "Lambda": 1 + 0.040, "containers": 9 * 0.002 / 3600, "DynamoDB": 9 + 5, "S3": 6}  # fmt: skip


def test_a_push_with_an_upload_service() -> None:
    """Six blobs: 6 HEADs, 6 POSTs, 6 HEADs, the manifest, the token; 12 requests with 0.257 GB at the upload service."""
    bill = moorage.push(ROUND, COUNTS, page.with_uploads(QUIET), USE)
    gb_s = 19 * 0.015 + 0.5 * 0.005 + 0.040
    assert components(bill) == {
        "API Gateway": 20, "Lambda": 21 + gb_s, "DynamoDB": 30 + 100, "S3": 23 + 1,
        "load balancer": 0.257, "containers": 0.257 * 2.2 / 3600}  # fmt: skip


def test_a_push_without_one_goes_through_lambda() -> None:
    bill = moorage.push(ROUND, COUNTS, QUIET, USE)
    assert bill.by_component()["API Gateway"] == 20 + 12
    assert "load balancer" not in bill.by_component()


def test_cloudfront_takes_its_part_of_a_push() -> None:
    shape = replace(page.with_uploads(QUIET), has_domain=False)
    assert moorage.push(ROUND, COUNTS, shape, USE).by_component()["CloudFront"] == pytest.approx(12 + 0.257)


def test_logs_and_traces() -> None:
    """Ten requests: 750 + 450 + 600 bytes each, one in twenty traced."""
    bill = moorage.pull(ROUND, COUNTS, replace(QUIET, metrics=True, access_logs=True, tracing=True), Use())
    assert bill.by_component()["logs"] == pytest.approx(10 * 1800 / 1e9)
    assert bill.by_component()["X-Ray"] == pytest.approx(0.5)


def test_an_idle_month_of_everything() -> None:
    shape = Shape(upload_service="fargate", tasks=2, snap_start=True, waf=True, scans=True)
    found = moorage.idle(ROUND, shape).by_component()
    hours = 730
    assert found["secrets"] == 5 + 2 * 4 * hours
    assert found["schedules"] == pytest.approx(4 * hours * (1 + 1 + 0.5))
    assert found["KMS key"] == 1 + 2 * 4 * hours
    assert (found["alarms"], found["dashboard"], found["metrics"]) == (42, 1, 9)
    assert found["interface endpoints"] == 5 * 2 * hours
    assert (found["load balancer"], found["containers"]) == (hours, pytest.approx(2 * 1.5 * hours))
    assert found["SnapStart"] == pytest.approx(2.5 * hours * 3600)
    assert found["WAF"] == 2 * 5
    assert "public addresses" not in found


def test_public_addresses_are_two_of_the_balancer_and_one_a_task() -> None:
    shape = page.with_uploads(Shape(tasks=3))
    assert moorage.idle(ROUND, shape).by_component()["public addresses"] == (2 + 3) * 730


def test_in_dollars_by_hand() -> None:
    """A million pulls through REST APIs: 9 requests at $3.50 a million are $31.50, 6 GETs at $0.40 are $2.40."""
    found = moorage.pull(load_prices(), COUNTS, Shape(), Use()).by_component()
    assert 1e6 * found["API Gateway"] == pytest.approx(31.5)
    assert 1e6 * found["S3"] == pytest.approx(2.4)
    assert 1e6 * found["DynamoDB"] == pytest.approx(9 * 0.125 + 5 * 0.625)
    assert 1e6 * found["Lambda"] == pytest.approx(10 * 0.2 + (8 * 15 + 2.5 + 40) * 0.0133334)
    assert peers.harbor_idle(load_prices()).usd == pytest.approx(419, abs=1)


def test_a_month_of_storage() -> None:
    bill = moorage.month(load_prices(), 100, deleted_gb=10, table_gb=2)
    assert bill.usd == pytest.approx(110 * 0.023 + 2 * 0.45)


def test_every_price_has_a_page_of_aws_and_says_where_it_was_seen() -> None:
    for name, price in load_prices().table.items():
        assert price.usd > 0, name
        assert price.page.startswith("https://aws.amazon.com/"), name
        assert price.seen in ("AWS", "third", "memory"), name


def test_every_price_is_used() -> None:
    source = "".join((ROOT / "scripts/cost" / file).read_text() for file in ("moorage.py", "peers.py", "page.py"))
    source = source.replace("{shape.architecture}", "arm64") + source.replace("{shape.architecture}", "x86_64")
    unused = {name for name in load_prices().table if f'"{name}"' not in source}
    assert unused == {"internet_gb"}  # the page tells it


def test_the_page_has_the_tables_of_the_program() -> None:
    made = page.tables(load_prices(), load_counts(), Use())
    text = PAGE.read_text()
    assert page.fill(text, made) == text, "run python -m scripts.cost --write"
    assert set(re.findall(r"<!-- cost: ([a-z-]+) -->", text)) == set(made)


def test_the_command_sums_a_month(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pulls", "1000000", "--stored-gb", "100", "--no-alarms", "--no-dashboard"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"pulls +API Gateway +31\.50\n", said)
    assert re.search(r"storage +S3 +2\.30\n", said)
    lines = [float(line.split()[-1].replace(",", "")) for line in said.splitlines()]
    assert lines[-1] == pytest.approx(sum(lines[:-1]), abs=0.06)


def test_a_shape_that_cannot_be_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pulls", "1", "--door", "alb"]) == 2
    assert "--upload-service fargate" in capsys.readouterr().err


def test_units_of_a_transaction() -> None:
    """Two for each item and begun KB: a small put, a check, an update, and a put of 1,500 bytes."""
    large = {"Put": {"Item": {"pk": {"S": "x" * 1498}}}}
    small = {"Put": {"Item": {"pk": {"S": "a"}, "n": {"N": "12"}}}}
    body = {"TransactItems": [small, {"ConditionCheck": {"Key": {}}}, {"Update": {"Key": {}}}, large]}
    assert transaction_units(body) == 2 + 2 + 2 + 4
    assert transaction_units({"Key": {}}) == 0


def test_bytes_of_an_item() -> None:
    assert item_bytes({"ab": {"S": "cde"}, "n": {"N": "123"}, "b": {"B": "AAAA"}, "t": {"BOOL": True}}) == 5 + 3 + 4 + 2
    assert item_bytes({"l": {"L": [{"S": "xy"}]}, "m": {"M": {"k": {"S": "v"}}}}) == (1 + 3 + 3) + (1 + 3 + 2 + 1)


def test_consumed_capacity_is_of_one_table_or_of_several() -> None:
    assert consumed({"ConsumedCapacity": {"CapacityUnits": 1.5}}) == 1.5
    assert consumed({"ConsumedCapacity": [{"CapacityUnits": 1.0}, {"CapacityUnits": 2.0}]}) == 3
    assert consumed({}) == 0


def tf(file: str) -> str:
    return (ROOT / "infra/terraform" / file).read_text()


def default(variable: str) -> str:
    text = "".join(path.read_text() for path in (ROOT / "infra/terraform").glob("variables*.tf"))
    found = re.search(rf'^variable "{variable}" {{.*?^  default *= (\S+)$', text, re.MULTILINE | re.DOTALL)
    assert found is not None, variable
    return found[1].strip('"')


def test_the_constants_are_terraforms() -> None:
    """Where this fails, change the constant in scripts/cost/moorage.py and run python -m scripts.cost --write."""
    assert tf("secrets.tf").count('{ name = "') == moorage.SECRETS
    assert len(re.findall(r'when = "cron\(\d+ \* \* \* \? \*\)"', tf("schedules.tf"))) == moorage.HOURLY_SCHEDULES
    told = re.search(r"alarms that read (\d+) metrics", tf("alarms.tf"))
    assert told is not None
    assert int(told[1]) == moorage.ALARM_METRICS
    always = re.search(r'concat\(\s*\["([^]]*)"\],\s*local.has_uploads \? \["([^]]*)"\]', tf("endpoints.tf"))
    assert always is not None
    assert len(always[1].split(", ") + always[2].split(", ")) == moorage.ENDPOINTS
    assert len(re.findall(r"^    priority = \d+|\{ priority = \d+", tf("waf.tf"), re.MULTILINE)) == moorage.RULES


def test_the_shape_without_options_is_terraforms() -> None:
    shape = Shape()
    for field in ("door", "upload_service", "task_network", "architecture", "encryption"):
        assert default(field) == getattr(shape, field)
    for field in ("alarms", "dashboard", "metrics", "tracing", "access_logs", "snap_start", "waf"):
        assert default(field) == str(getattr(shape, field)).lower()
    assert int(default("upload_cpu")) / 1024 == shape.task_vcpu
    assert int(default("upload_memory_mb")) / 1024 == shape.task_gb
    memory = {
        name: int(mb)
        for name, mb in re.findall(r"(\w+) *= optional\(number, (\d+)\)", tf("variables_functions.tf"))[:4]
    }
    assert (memory["registry"] / 1024, memory["authorizer"] / 1024) == (Use().registry_gb, Use().authorizer_gb)
