"""Flows inside the libraries that users already have: each test with the real one."""
