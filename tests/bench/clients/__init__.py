"""The clients: each method is a job of `tests.bench.catalog`, done the way its client does it.

A method gets a folder of its own and gives what it saw, or a function that looks once the clock
has stopped.
"""
