"""Rows of an index."""

from faceanim.data.manifest import ManifestRow


def clip_row(clip_id: str, drop_reasons: str = "", **changes) -> ManifestRow:
    """Of a clip of 48 frames to train on, dropped if there are reasons."""
    values = {
        **{"source": "folder", "split": "train", "source_path": f"{clip_id}.mov", "source_start_frame": 0},
        **{"path": f"clips/{clip_id}.mp4", "landmarks_path": f"landmarks/{clip_id}.npz", "n_frames": 48},
        **{"fps": 24.0, "width": 64, "height": 64, "crop_x": 2, "crop_y": 4, "crop_size": 100},
        **{"face_found_rate": 1.0, "tool_version": "0", "content_hash": "ab" * 32},
    }
    return ManifestRow(clip_id=clip_id, keep=not drop_reasons, drop_reasons=drop_reasons, **values | changes)
