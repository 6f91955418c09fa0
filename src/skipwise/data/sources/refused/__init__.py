"""Data that Skipwise recognises in order to refuse it: detection sets, other file formats, unread pictures."""
