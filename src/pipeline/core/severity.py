"""What follows from a result of a check; `analytics.holds_back` says the same in SQL."""


def holds_back(status: str, severity: str) -> bool:
    """Whether figures are held back: the check broke down, or it is critical and failed."""
    return status == "errored" or (status == "failed" and severity == "critical")
