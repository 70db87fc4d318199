"""`make bench`: how fast m3voip is beside plain Asterisk, bare ARI scripts, other ARI libraries and FastAGI.

Law: every mode gets the same Asterisk, the same configuration, the same prompt, the same callers and the same machine in
the same run, in alternating order; a figure is the median of at least three; what disturbed a measurement is measured
too. Run it by `scripts/bench`; docs/benchmarks.md explains and shows the results.
"""
