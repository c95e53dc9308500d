from mmser.wording import count_of


def test_one_thing_is_one_and_any_other_number_are_several():
    assert [count_of(number, "clip") for number in (0, 1, 2, 1440)] == [
        "0 clips",
        "1 clip",
        "2 clips",
        "1,440 clips",
    ]
    assert [count_of(number, "corpus", "corpora") for number in (1, 2)] == ["1 corpus", "2 corpora"]
