from mmser.evaluation.layout import markdown_table, text_table, wrap


def test_columns_of_a_terminal_are_as_wide_as_their_widest_cell():
    assert text_table(("name", "UA"), [("a", "100.00"), ("longer", "5.00")]) == (
        "name        UA\na       100.00\nlonger    5.00"
    )


def test_a_bar_in_a_cell_does_not_end_it():
    assert markdown_table(("name", "UA"), [("a|b", "1")]) == "| name | UA |\n| --- | ---: |\n| a\\|b | 1 |"


def test_each_sentence_begins_a_line_and_none_is_longer_than_a_terminal():
    lines = wrap("one " * 40, "two").splitlines()
    assert [len(line) for line in lines] == [107, 51, 3]  # 27 words, 13, and the second sentence
    assert lines[-1] == "two"
