"""The members of `Api`, one module per resource; they open objects and hold no logic of theirs."""
