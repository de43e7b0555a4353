import pytest


@pytest.mark.slow
def test_it_measures_each_saver_in_a_process_of_its_own(output_of, tmp_path):
    pytest.importorskip("bitsandbytes", reason="one of the savers is 8-bit AdamW")
    out = output_of(
        *("-m", "benchmarks.memory_savers", "base=['model=tiny','frames=2','warmup=0','steps=1']", "turns=1"),
        *("savers.LoRA='lora.rank=2'", f"output={tmp_path / 'savers.jsonl'}"),
    )
    rows = {row[0]: row for line in out.splitlines() if (row := [c.strip() for c in line.split("|")[1:-1]])}
    assert rows["plain"][3] == rows["plain"][5] == "1.00"
    assert rows["LoRA"][1] == "lora.rank=2" and float(rows["LoRA"][3]) > 0
