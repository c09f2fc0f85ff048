"""`tally up`: all processes on one machine, supervised, with an embedded store."""
