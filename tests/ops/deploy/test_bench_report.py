"""The report of the deploy benchmark: ratios are of the same round, targets are judged by their median."""

from ops.bench.deploy_report import best_ratios, ratios, report


def runs(*seconds: float) -> list[dict[str, float]]:
    return [{"seconds": value, "cpu": value / 2, "megabytes": 50.0} for value in seconds]


FOUND = {
    "aws s3 sync": runs(8.0, 16.0, 9.0),
    "rclone": runs(4.0, 2.0, 3.0),
    "s5cmd": runs(2.0, 4.0, 6.0),
    "ops deploy, releases": runs(1.0, 1.0, 1.5),
}


def test_ratios_are_paired():
    assert ratios(FOUND, "aws s3 sync", "ops deploy, releases") == [8.0, 16.0, 6.0]
    assert best_ratios(FOUND, "ops deploy, releases") == [2.0, 2.0, 2.0]
    assert ratios({"a": runs(1)}, "aws s3 sync", "a") == []


def test_the_report():
    text = report(
        {"first deploy": FOUND}, [("rclone", "called so")], ["hugo deploy: hugo cannot be installed here"],
        {"files": 2000, "rounds": 3, "latency_ms": 30, "large": 20000, "cores": 2}, [1.26, 0.5],
    )  # fmt: skip
    assert "| **ops deploy, releases** | 8.0 (6.0 to 16.0) | 1.00 | 0.50 | 50 MB |" in text
    assert "| first deploy | releases | `aws s3 sync` | 8.0 | 8.0 | reached |" in text
    assert "| first deploy | releases | the best of the others | 2.0 | 2.0 | reached |" in text
    assert "process of its own on the same 2 cores.\nLoad average meanwhile: 0.5 to 1.3.\n" in text
    assert "* Left out: hugo deploy: hugo cannot be installed here." in text
    slow = {**FOUND, "ops deploy, releases": runs(2.0, 4.0, 3.0)}
    text = report(
        {"first deploy": slow}, [], [], {"files": 1, "rounds": 3, "latency_ms": 30, "large": 1, "cores": 1}
    )
    assert "| 8.0 | 4.0 | missed |" in text
