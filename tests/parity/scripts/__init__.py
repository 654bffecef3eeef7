"""Scripts as people write them for W&B's API; each `main` takes the module in the place of `wandb`.

What `main` returns is compared: over the real SDK, over wbexport, and, unless the script `CHANGES`
the server, over an archive without a server.
"""
