"""What stands in the README and in docs/: its code runs, and the site is built of it."""
