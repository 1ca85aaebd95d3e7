"""Alarms on what stands at the edge: CloudFront, the web ACL, the certificate, Route 53. All in us-east-1."""

from __future__ import annotations

from components.monitoring.metrics import metric
from components.monitoring.spec import ANY_PERCENT, DAY, MINUTE, AlarmSpec, Watched

CERTIFICATE_DAYS = 30
"""ACM renews 60 days before the end; at 30 a month of attempts has failed.
https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html"""


LOST = 30
"""4xx answers in five minutes below which a scanner or a stale link is all there is."""


def alarms(watched: Watched) -> list[AlarmSpec]:
    """Site errors, 404 storms, firewall spikes, certificate expiry, health checks."""
    site = watched.site
    distribution = {"DistributionId": site.distribution_id, "Region": "Global"}

    def cloudfront(name: str, stat: str):
        return metric("AWS/CloudFront", name, stat, distribution)

    found = [
        AlarmSpec(
            key="site-errors-fast",
            title="Half of all requests at the edge end in a server error",
            meaning="CloudFront answered 5xx to at least half of the requests in 4 of 5 minutes.",
            metrics={"m": cloudfront("5xxErrorRate", "Average")},
            period_s=MINUTE,
            periods=5,
            datapoints=4,
            threshold=50,
            severity="page",
            place="edge",
            page="site-errors",
        ),
        # Few requests leave most minutes empty, so that the alarm above never has its four. Five minutes
        # hold a request at ten an hour too; a deployment touches two of them at most, so four are asked.
        AlarmSpec(
            key="site-errors",
            title="Requests at the edge keep ending in server errors",
            meaning="CloudFront answered 5xx to at least 1 % of the requests in four of the last eight "
            "five-minute periods; at ten requests an hour that is a total outage, at more a partial one.",
            metrics={"m": cloudfront("5xxErrorRate", "Average")},
            periods=8,
            datapoints=4,
            threshold=ANY_PERCENT,
            severity="page",
            place="edge",
        ),
        AlarmSpec(
            key="site-not-found",
            title="A storm of 4xx answers at the edge",
            meaning=f"For a quarter of an hour at least 25 % of the requests, and {LOST} or more in five "
            "minutes, "
            "ended in 4xx: a release without its files, broken links, or a scan.",
            metrics={
                "rate": cloudfront("4xxErrorRate", "Average"),
                "requests": cloudfront("Requests", "Sum"),
            },
            expression=f"IF(FILL(requests, 0) * FILL(rate, 0) / 100 >= {LOST}, FILL(rate, 0), 0)",
            periods=3,
            datapoints=3,
            threshold=25,
            place="edge",
            production_only=True,
        ),
    ]
    if site.web_acl_name is not None:
        acl = {"WebACL": site.web_acl_name, "Rule": "ALL"}
        found.append(
            AlarmSpec(
                key="firewall-spike",
                title="The firewall blocks a large share of the traffic",
                meaning="At least 25 % of the requests, and 200 or more in five minutes, were blocked: an "
                "attack, "
                "or a rule that blocks visitors.",
                metrics={
                    "blocked": metric("AWS/WAFV2", "BlockedRequests", "Sum", acl),
                    "allowed": metric("AWS/WAFV2", "AllowedRequests", "Sum", acl),
                },
                expression="IF(FILL(blocked, 0) >= 200, "
                "100 * FILL(blocked, 0) / (FILL(blocked, 0) + FILL(allowed, 0)), 0)",
                periods=3,
                datapoints=2,
                threshold=25,
                place="edge",
                production_only=True,
            )
        )
    if site.certificate_arn is not None:
        found.append(
            AlarmSpec(
                key="certificate-expiry",
                title=f"The certificate ends in less than {CERTIFICATE_DAYS} days",
                meaning="ACM could not renew it; most often a validation record is gone.",
                metrics={
                    "m": metric(
                        "AWS/CertificateManager",
                        "DaysToExpiry",
                        "Minimum",
                        {"CertificateArn": site.certificate_arn},
                    )
                },
                period_s=DAY,
                comparison="<",
                threshold=CERTIFICATE_DAYS,
                # ACM stops reporting once a certificate has ended: the alarm must stay as it is then.
                missing="ignore",
                place="edge",
            )
        )
    for path, health_check in sorted(watched.health_checks.items()):
        what = "api" if path == site.health_path else "site"
        found.append(
            AlarmSpec(
                key=f"health-check-{what}",
                title=f"The {'API' if what == 'api' else 'site'} cannot be reached from outside",
                meaning=f"Route 53's checkers get no good answer to GET {path} through DNS, TLS and "
                "CloudFront.",
                metrics={
                    "m": metric(
                        "AWS/Route53", "HealthCheckStatus", "Minimum", {"HealthCheckId": health_check}
                    )
                },
                period_s=MINUTE,
                periods=3,
                datapoints=3,
                comparison="<",
                threshold=1,
                missing="breaching",
                severity="page",
                place="edge",
                production_only=True,
                page="health-check",
            )
        )
    return found
