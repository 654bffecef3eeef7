"""Reads what a run noted of its machine and its program, under the names W&B shows them by."""

from __future__ import annotations

from typing import Any

from wbexport.ingest.wire import Value, fields, read_signed, read_text, read_time

__all__ = ["read_environment"]

_DISK = {1: "total", 2: "used"}
_ENVIRONMENT: dict[int, str | tuple[str, dict[int, str]]] = {
    1: "os",
    2: "python",
    4: "docker",
    6: "program",
    7: "codePath",
    8: "codePathLocal",
    9: ("git", {1: "remote", 2: "commit"}),
    10: "email",
    11: "root",
    12: "host",
    13: "username",
    14: "executable",
    15: "colab",
    16: "cpu_count",
    17: "cpu_count_logical",
    18: "gpu",
    19: "gpu_count",
    21: ("memory", {1: "total"}),
    22: ("cpu", {1: "count", 2: "countLogical", 3: "model"}),
    23: (
        "apple",
        {
            1: "name",
            2: "ecpuCores",
            3: "pcpuCores",
            4: "gpuCores",
            5: "memoryGb",
            6: "swapTotalBytes",
            7: "ramTotalBytes",
            8: "macModel",
        },
    ),
    25: "cudaVersion",
    28: (
        "trainium",
        {1: "name", 2: "vendor", 3: "neuronDeviceCount", 4: "neuroncorePerDeviceCount"},
    ),
    29: ("tpu", {1: "name", 2: "hbmGib", 3: "devicesPerChip", 4: "count"}),
    30: ("coreweave", {1: "clusterName", 2: "orgId", 3: "region"}),
    199: "writerId",
}
_LISTS = {
    24: (
        "gpu_nvidia",
        {
            1: "name",
            2: "memoryTotal",
            3: "cudaCores",
            4: "architecture",
            5: "uuid",
            6: "pciBusId",
            7: "numaNode",
        },
    ),
    26: (
        "gpu_amd",
        {
            1: "id",
            2: "uniqueId",
            3: "vbiosVersion",
            4: "performanceLevel",
            5: "gpuOverdrive",
            6: "gpuMemoryOverdrive",
            7: "maxPower",
            8: "series",
            9: "model",
            10: "vendor",
            11: "sku",
            12: "sclkRange",
            13: "mclkRange",
        },
    ),
}
#: Numbers of 64 bits, which JSON of protobuf writes as strings.
_WIDE = {"total", "used", "swapTotalBytes", "ramTotalBytes", "memoryTotal"}
_STARTED, _ARGS, _DISKS, _SLURM = 3, 5, 20, 27


def read_environment(data: bytes) -> dict[str, Any]:
    """Read one environment record; a run writes several, each with a part."""
    found: dict[str, Any] = {}
    for number, value in fields(data):
        known = _ENVIRONMENT.get(number)
        if isinstance(known, str):
            found[known] = _plain(known, value)
        elif known is not None:
            found[known[0]] = _object(value, known[1])
        elif number == _STARTED:
            found["startedAt"] = read_time(value).isoformat() + "Z"
        elif number == _ARGS:
            found.setdefault("args", []).append(read_text(value))
        elif number in _LISTS:
            name, names = _LISTS[number]
            found.setdefault(name, []).append(_object(value, names))
        elif number in (_DISKS, _SLURM):
            name = "disk" if number == _DISKS else "slurm"
            entry = dict(fields(value))
            content = entry.get(2, b"")
            found.setdefault(name, {})[read_text(entry.get(1, b""))] = (
                _object(content, _DISK) if number == _DISKS else read_text(content)
            )
    return found


def _object(value: Value, names: dict[int, str]) -> dict[str, Any]:
    return {
        names[number]: _plain(names[number], item)
        for number, item in fields(value)
        if number in names
    }


def _plain(name: str, value: Value) -> Any:
    if isinstance(value, bytes):
        return read_text(value)
    return str(value) if name in _WIDE else read_signed(value)
