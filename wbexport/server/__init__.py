"""The W&B protocol over a store.

`app` takes requests in; `auth`, `signing` and `limits` say which are let through. GraphQL goes to
`execute` and from there to `resolvers`, what running clients post to `filestream`, in the form that
`posts` gives it, and bytes to and from `blobs`. `lookup` finds what a request names, `recorder`
changes it, `exports` makes parquet of it. All of them share one `service`. `serve` puts the
application on a port; `publisher` publishes what it wrote.

`people` are the users, teams and the organization of a server, `registries` what they collect
together. The server's own token may do everything; before whatever others ask for stands the
`guard`, which knows the places they see and write to.
"""
