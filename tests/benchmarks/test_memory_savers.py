import pytest


@pytest.mark.slow
def test_it_measures_each_saver_in_a_process_of_its_own(command, tmp_path):
    code, out, err = command(
        *("-m", "benchmarks.memory_savers", "base=[model=tiny,frames=2,warmup=0,steps=1]", "turns=1"),
        *("savers={plain:'',LoRA:lora.rank=2}", f"output={tmp_path / 'savers.jsonl'}"),
    )
    assert code == 0, err
    assert "| plain |" in out and "| LoRA | lora.rank=2 |" in out
