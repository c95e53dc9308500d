from mmser.evaluation.layout import markdown_table, text_table


def test_columns_of_a_terminal_are_as_wide_as_their_widest_cell():
    assert text_table(("name", "UA"), [("a", "100.00"), ("longer", "5.00")]) == (
        "name        UA\na       100.00\nlonger    5.00"
    )


def test_a_bar_in_a_cell_does_not_end_it():
    assert markdown_table(("name", "UA"), [("a|b", "1")]) == "| name | UA |\n| --- | ---: |\n| a\\|b | 1 |"
