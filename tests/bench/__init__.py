"""Speed and memory, measured side by side: the real SDK, wbexport, and bare httpx."""
