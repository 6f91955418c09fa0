"""The verb `judge`: intervals and verdicts for the predictions of any tool."""
