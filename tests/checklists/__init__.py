"""What the specification and its test suites ask, as fast tests of our own, over HTTP against the running stack.

`test_a_*` are the rows of the official suite (2026), `test_b_*` those of the legacy suite that the new one lacks or that
are stricter there, `test_c_*` the MUSTs and SHOULDs that neither of them tests.
"""
