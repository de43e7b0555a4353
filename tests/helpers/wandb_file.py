"""What an offline W&B run holds: W&B has no reader of its own for its files any more.

After a header of 7 bytes the file is LevelDB's log format: blocks of 32 KiB, in them pieces of records, each with
checksum (4 bytes), length (2) and type (1 whole, 2 first, 3 middle, 4 last); a record is a protocol buffer.
"""

import json
import struct
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32768


def records(path: Path) -> list[Record]:
    content, position, piece, found = path.read_bytes(), 7, b"", []
    while position + 7 <= len(content):
        if BLOCK - position % BLOCK < 7:  # too little room for a header: padding
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        position += 7
        piece = (piece if kind in (3, 4) else b"") + content[position : position + length]
        position += length
        if kind in (1, 4):
            found.append(Record.FromString(piece))
    return found


def history(path: Path) -> list[dict[str, Any]]:
    """What was logged, call by call."""
    return [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records(path)
        if record.WhichOneof("record_type") == "history"
    ]


def config(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for record in records(path):
        if record.WhichOneof("record_type") == "config":
            values |= {
                i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in record.config.update
            }
    return values


def run_ids(path: Path) -> set[str]:
    return {r.run.run_id for r in records(path) if r.WhichOneof("record_type") == "run"}
