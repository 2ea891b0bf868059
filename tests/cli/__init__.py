"""The command line: inputs, results, signals, terminals, the audit."""
