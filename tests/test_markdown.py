from faceanim.markdown import table


def test_a_table_is_aligned_and_keeps_its_cells():
    assert table(("what", "MB"), [("weights", "1.0"), ("all", "12.5")]).splitlines() == [
        "| what    |   MB |",
        "| ------- | ---: |",
        "| weights |  1.0 |",
        "| all     | 12.5 |",
    ]
