"""The programs under measurement, one process each. They print READY when calls may come and end on SIGTERM."""
