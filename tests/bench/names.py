"""What the server and all clients of the benchmark call things."""

TOKEN = "local-" + "b" * 40
ENTITY = "bench"
PROJECT = "bench/project"
STORE = "wb.duckdb"
ARTIFACT = "bench/project/photos:v0"
ONE_KEY = "train/key_03"
THREE_KEYS = ["train/key_01", "train/key_02", ONE_KEY]
#: Connections of bare httpx; it becomes slower beyond.
CONNECTIONS = 16
