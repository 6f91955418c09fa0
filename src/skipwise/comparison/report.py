def write_report(*a): a[0].write_text("x")
