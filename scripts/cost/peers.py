"""The same bills for others: ECR, Harbor on EKS, zot on Fargate. Counts are from `make bench`; shapes are our assumptions."""

from __future__ import annotations

from scripts.cost.bill import Bill
from scripts.cost.moorage import Use
from scripts.cost.prices import HOURS, Prices

# S3 requests of distribution 2.8.2, which Harbor's registry is, for the same image: PUT class and GET class.
DISTRIBUTION_PUSH, DISTRIBUTION_PULL = (164, 29), (0, 9)
# Of zot: 183 for a push and 35 for a pull, not told apart; three quarters of a push are taken for the dear kind, none of a pull.
ZOT_PUSH, ZOT_PULL = (137, 46), (0, 35)
ZOT_CPU_S_PER_GB_PULLED, ZOT_CPU_S_PER_GB_PUSHED = 1.5, 5.0


def ecr_pull(prices: Prices) -> Bill:
    """ECR has no price per request."""
    return Bill(prices, [])


def harbor_pull(prices: Prices) -> Bill:
    """Warm caches; layers come from S3 by redirect."""
    return Bill(prices, [("S3", "s3_write", DISTRIBUTION_PULL[0]), ("S3", "s3_read", DISTRIBUTION_PULL[1])])


def harbor_push(prices: Prices, use: Use) -> Bill:
    """S3's requests, and the bytes through the load balancer."""
    calls = [("S3", "s3_write", DISTRIBUTION_PUSH[0]), ("S3", "s3_read", DISTRIBUTION_PUSH[1])]
    return Bill(prices, [*calls, ("load balancer", "lcu_hour", use.image_gb)])


def zot_pull(prices: Prices, use: Use) -> Bill:
    """Without redirects: layers go through the container and the load balancer."""
    return Bill(prices, [
        ("S3", "s3_write", ZOT_PULL[0]),
        ("S3", "s3_read", ZOT_PULL[1]),
        ("load balancer", "lcu_hour", use.image_gb),
        ("containers", "fargate_vcpu_hour_x86_64", use.image_gb * ZOT_CPU_S_PER_GB_PULLED / 3600),
    ])  # fmt: skip


def zot_push(prices: Prices, use: Use) -> Bill:
    """As a pull, the other way."""
    return Bill(prices, [
        ("S3", "s3_write", ZOT_PUSH[0]),
        ("S3", "s3_read", ZOT_PUSH[1]),
        ("load balancer", "lcu_hour", use.image_gb),
        ("containers", "fargate_vcpu_hour_x86_64", use.image_gb * ZOT_CPU_S_PER_GB_PUSHED / 3600),
    ])  # fmt: skip


def harbor_idle(prices: Prices) -> Bill:
    """Harbor as its documentation wants it for high availability: a cluster, PostgreSQL and Redis twice, a load balancer."""
    return Bill(prices, [
        ("EKS control plane", "eks_hour", HOURS),
        ("nodes", "m5_large_hour", 2 * HOURS),
        ("nodes", "gp3_gb", 2 * 20),
        ("PostgreSQL", "rds_t4g_medium_two_zones_hour", HOURS),
        ("PostgreSQL", "rds_gb_two_zones", 20),
        ("Redis", "cache_t4g_small_hour", 2 * HOURS),
        ("load balancer", "alb_hour", HOURS),
        ("public addresses", "public_ip_hour", 2 * HOURS),
        ("NAT gateway", "nat_hour", HOURS),
    ])  # fmt: skip


def zot_idle(prices: Prices) -> Bill:
    """One container of 0.5 vCPU and 1 GB with a public address, and a load balancer. Two would need a database besides."""
    return Bill(prices, [
        ("load balancer", "alb_hour", HOURS),
        ("public addresses", "public_ip_hour", 3 * HOURS),
        ("containers", "fargate_vcpu_hour_x86_64", 0.5 * HOURS),
        ("containers", "fargate_gb_hour_x86_64", 1.0 * HOURS),
    ])  # fmt: skip
