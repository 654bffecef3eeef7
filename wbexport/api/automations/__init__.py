"""Automations: what sets them off, where, and what they then do.

An `automation` joins an event of `events`, in a scope of `scopes`, to an action of `actions`.
Conditions are `filters` on fields, `metrics` and `states`; `integrations` are where actions send.
`listings` reads what a server has, `saving` changes it with complete `drafts`. All parts are the
`models`; `support` knows which of them a server takes.
"""
