"""One thread decodes at a time.

Python runs one thread at a time. Many that decode at once only take turns in small slices: eight
of them were measured to need half as much time again for the same rows as one alone. So threads
download side by side, and wait here for their turn to decode.
"""

from __future__ import annotations

import threading

__all__ = ["DECODING"]

#: Held while decoding; never while waiting for a server.
DECODING = threading.RLock()
