"""Many runs of real networks, what they got right, and thousands of mock comparisons drawn from them."""
