"""The verb `audit`: images -> findings, as a record and a page."""
