"""The watches: audits, breaker, drift, fairness, agreement, and the alerts that come of them."""
