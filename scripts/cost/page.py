"""The tables of docs/explanation/cost.md, by the name of their place in the page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scripts.cost import moorage, peers
from scripts.cost.bill import Bill
from scripts.cost.moorage import Shape, Use
from scripts.cost.prices import HOURS, MILLION, Counts, Prices


def with_uploads(shape: Shape) -> Shape:
    """The same with an upload service in the open, behind a domain of its own: the cheapest way to have one."""
    return replace(shape, upload_service="fargate", task_network="public", has_domain=True)


REST, HTTP, ALB = Shape(), Shape(door="http"), with_uploads(Shape(door="alb"))
BARE = Shape(encryption="aws", alarms=False, dashboard=False, metrics=False, tracing=False, access_logs=False)
SHAPES: Mapping[str, Shape] = {
    "`rest`, all extras off": BARE,
    "`rest` (the defaults)": REST,
    "`rest`, uploads, public addresses, domain": with_uploads(REST),
    "`rest`, uploads, public addresses, CloudFront": replace(REST, upload_service="fargate", task_network="public"),
    "`rest`, uploads, no internet (`endpoints`), CloudFront": replace(REST, upload_service="fargate"),
    "`alb`, two tasks, public addresses, domain": replace(ALB, tasks=2),
    "`alb`, two tasks, no internet (`endpoints`), CloudFront": Shape(door="alb", upload_service="fargate", tasks=2),
}
MONTHS = (
    ("a small team", 50, 20_000, 1_000),
    ("a company", 500, 1_000_000, 20_000),
    ("a platform", 5_000, 20_000_000, 100_000),
)
"""Name, GB stored, pulls, pushes a month."""
_PLACE = re.compile(r"(<!-- cost: ([a-z-]+) -->\n).*?(<!-- /cost -->)", re.DOTALL)


def tables(prices: Prices, counts: Mapping[str, Counts], use: Use) -> dict[str, str]:
    """All tables, as Markdown."""
    return {
        "counts": _counts(counts),
        "pulls": _pulls(prices, counts, use),
        "pushes": _pushes(prices, counts, use),
        "storage": _storage(prices),
        "idle": _idle(prices),
        "switches": _switches(prices),
        "months": _months(prices, counts, use),
        "even": _even(prices, counts, use),
        "prices": _prices(prices),
    }


def fill(page: str, made: Mapping[str, str]) -> str:
    """Put the tables into their places in a page. Raises `KeyError` for a place that no table belongs to."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{made[place[2]]}\n{place[3]}", page)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def usd(value: float) -> str:
    """Dollars to read: cents below a hundred, whole dollars above."""
    return f"${value:,.2f}" if value < 100 else f"${value:,.0f}"


def million(bill: Bill) -> float:
    """Dollars for a million of it."""
    return MILLION * bill.usd


def _components(rows: Mapping[str, Bill]) -> str:
    """A row a bill, a column a component, for a million."""
    names = list(dict.fromkeys(name for bill in rows.values() for name in bill.by_component()))
    body = []
    for title, bill in rows.items():
        sums = bill.by_component()
        body.append([title, f"**{usd(million(bill))}**", *(usd(MILLION * sums[n]) if n in sums else "" for n in names)])
    return table(["", "Total", *names], body)


def _counts(counts: Mapping[str, Counts]) -> str:
    titles = {
        "pull_warm": "pull, warm",
        "pull_cold": "pull, cold",
        "push_warm": "push, warm",
        "push_cold": "push, cold",
    }
    rows = [[titles[name], *(f"{value:g}" for value in vars(counts[name]).values())] for name in titles]
    return table(["", "DynamoDB read units", "DynamoDB write units", "S3 PUT class", "S3 GET class"], rows)


def _pulls(prices: Prices, counts: Mapping[str, Counts], use: Use) -> str:
    bills = {
        "Moorage, `rest`": moorage.pull(prices, counts, REST, use),
        "Moorage, `http`": moorage.pull(prices, counts, HTTP, use),
        "Moorage, `alb`": moorage.pull(prices, counts, ALB, use),
        "Moorage, `alb`, metrics, logs and traces off": moorage.pull(
            prices, counts, replace(ALB, metrics=False, tracing=False), use
        ),
        "ECR": peers.ecr_pull(prices),
        "Harbor on EKS": peers.harbor_pull(prices),
        "zot on Fargate": peers.zot_pull(prices, use),
    }
    return _components(bills)


def _pushes(prices: Prices, counts: Mapping[str, Counts], use: Use) -> str:
    made = {"rest": with_uploads(REST), "http": with_uploads(HTTP), "alb": ALB}
    bills = {f"Moorage, `{door}`": moorage.push(prices, counts, shape, use) for door, shape in made.items()}
    bills["Moorage, `rest`, through CloudFront"] = moorage.push(
        prices, counts, replace(made["rest"], has_domain=False), use
    )
    bills["ECR"] = peers.ecr_pull(prices)
    bills["Harbor on EKS"] = peers.harbor_push(prices, use)
    bills["zot on Fargate"] = peers.zot_push(prices, use)
    return _components(bills)


def _storage(prices: Prices) -> str:
    rows = [
        ["Moorage: layers in S3", usd(prices("s3_gb"))],
        ["Moorage: the table, with point-in-time recovery", usd(prices("dynamodb_gb") + prices("dynamodb_pitr_gb"))],
        ["ECR", usd(prices("ecr_gb"))],
        ["Harbor, zot: layers in S3", usd(prices("s3_gb"))],
    ]
    return table(["GB and month", ""], rows)


def _idle(prices: Prices) -> str:
    bills = {title: moorage.idle(prices, shape) for title, shape in SHAPES.items()}
    bills["ECR"] = Bill(prices, [])
    bills["Harbor on EKS"] = peers.harbor_idle(prices)
    bills["zot on Fargate, one task"] = peers.zot_idle(prices)
    rows = []
    for title, bill in bills.items():
        parts = sorted(bill.by_component().items(), key=lambda part: -part[1])
        rows.append(
            [title, f"**{usd(bill.usd)}**", ", ".join(f"{name} {usd(cost)}" for name, cost in parts if cost >= 0.005)]
        )
    return table(["Shape", "Month", "Of that"], rows)


def _switches(prices: Prices) -> str:
    def extra(of: Shape, changed: Shape) -> str:
        return usd(moorage.idle(prices, changed).usd - moorage.idle(prices, of).usd)

    uploads = with_uploads(REST)
    task = moorage.idle(prices, replace(uploads, tasks=2)).usd - moorage.idle(prices, uploads).usd
    rows = [
        ['`encryption = "customer"` (default)', extra(replace(REST, encryption="aws"), REST),
         "One key; a dollar more after each of the first two yearly rotations"],
        ["`alarms` (default)", extra(replace(REST, alarms=False), REST), "37 metrics; five more with uploads"],
        ["`dashboard` (default)", extra(replace(REST, dashboard=False), REST), "Nothing for an account's first three"],
        ["`metrics` (default)", extra(replace(REST, metrics=False), REST),
         "Idle. In use some 25 to 60 metrics: $8 to $18"],
        ["`snap_start`", extra(REST, replace(REST, snap_start=True)),
         "For **each** published version that still exists: remove old ones"],
        ["`waf`", extra(REST, replace(REST, waf=True)), f"And {usd(MILLION * prices('waf_request'))} per million requests"],
        ["`scan_cluster`, `endpoints`", extra(REST, replace(REST, scans=True)), "No worker runs while nothing is pushed"],
        ['`task_network = "endpoints"` instead of `"public"`, with uploads',
         extra(uploads, replace(uploads, task_network="endpoints")), "Eight endpoints, less one public address a task"],
        ["One more upload task", usd(task), "0.5 vCPU, 1 GB, arm64, with its public address"],
    ]  # fmt: skip
    return table(["Switch", "Idle month", ""], rows)


def _month(
    prices: Prices, idle: Bill, per_pull: Bill, per_push: Bill, gb_price: str, month: tuple[str, int, int, int]
) -> float:
    _, stored, pulls, pushes = month
    return idle.usd + pulls * per_pull.usd + pushes * per_push.usd + stored * prices(gb_price)


def _months(prices: Prices, counts: Mapping[str, Counts], use: Use) -> str:
    shapes = {
        "Moorage, `rest`": with_uploads(REST),
        "Moorage, `http`": with_uploads(HTTP),
        "Moorage, `alb`": replace(ALB, tasks=2),
    }
    rows: list[list[str]] = []
    for title, shape in shapes.items():
        bills = (
            moorage.idle(prices, shape, metrics=moorage.METRICS_IN_USE),
            moorage.pull(prices, counts, shape, use),
            moorage.push(prices, counts, shape, use),
        )
        rows.append([title, *(usd(_month(prices, *bills, "s3_gb", month)) for month in MONTHS)])
    free = Bill(prices, [])
    others = {
        "ECR": (free, free, free, "ecr_gb"),
        "Harbor on EKS": (
            peers.harbor_idle(prices),
            peers.harbor_pull(prices),
            peers.harbor_push(prices, use),
            "s3_gb",
        ),
        "zot on Fargate": (peers.zot_idle(prices), peers.zot_pull(prices, use), peers.zot_push(prices, use), "s3_gb"),
    }
    for title, (idle, pull, push, gb) in others.items():
        rows.append([title, *(usd(_month(prices, idle, pull, push, gb, month)) for month in MONTHS)])
    head = [f"{name}: {stored:,} GB, {pulls:,} pulls, {pushes:,} pushes" for name, stored, pulls, pushes in MONTHS]
    return table(["A month", *head], rows)


def _even(prices: Prices, counts: Mapping[str, Counts], use: Use) -> str:
    rows = []
    for door, shape in (
        ("rest", with_uploads(REST)),
        ("http", with_uploads(HTTP)),
        ("alb", replace(ALB, tasks=2)),
    ):
        idle, pull = moorage.idle(prices, shape).usd, moorage.pull(prices, counts, shape, use).usd
        gb = prices("ecr_gb") - prices("s3_gb")
        harbor = (peers.harbor_idle(prices).usd - idle) / (pull - peers.harbor_pull(prices).usd)
        rows.append([f"`{door}`", f"{idle / gb:,.0f} GB", f"{gb / pull:,.0f}", f"{harbor / 1e6:,.1f} million"])
    head = [
        "Door",
        "ECR is cheaper below",
        "and again above so many pulls a month for each GB more",
        "Harbor on EKS is cheaper above pulls a month",
    ]
    return table(head, rows)


def _prices(prices: Prices) -> str:
    seen = {"AWS": "AWS's page", "third": "a third-party page", "memory": "nowhere: check it"}
    rows = []
    for row in prices.table.values():
        amount = f"${row.usd:g}" if row.usd >= 1e-3 else f"${row.usd * MILLION:g} per million"
        rows.append([row.per, amount, f"[page]({row.page})", seen[row.seen]])
    return f"{prices.region}, {prices.checked}; {HOURS} hours a month.\n\n" + table(
        ["Unit", "Price", "AWS", "Last read on"], rows
    )
