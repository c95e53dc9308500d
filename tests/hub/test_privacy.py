import pytest

from mmser.hub.privacy import without_private_parts


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ('{"out": "/home/ann/runs/fusion-0"}', '{"out": "fusion-0"}'),
        ('{"out": "/home/ann lee/my runs/a/"}', '{"out": "a"}'),
        ("hubert from /data/x/runs/hubert: 3 clips were in", "hubert from hubert: 3 clips were in"),
        ("(/a/b/c.md), `/a/b/d`", "(c.md), `d`"),
        ("file:///home/ann/x.wav and ~/ann/runs/x", "x.wav and x"),
        ("audio_encoder:/home/ann/x", "audio_encoder:x"),
        (r'{"out": "C:\\Users\\ann\\runs\\a"}', '{"out": "a"}'),
        ("token hf_abcdefghijklmnopqrstuv.", "token hf_…."),
    ],
)
def test_folders_of_the_machine_and_tokens_are_taken_out(text, published):
    assert without_private_parts(text) == published


@pytest.mark.parametrize(
    "text",
    [
        "https://zenodo.org/records/1188976",
        "facebook/hubert-base-ls960",
        "ravdess/03-01-05 and ravdess/16",
        "runs/fusion",
        '"unk_token": "[UNK]", "hf_": "hf_hub"',
        "5 and/or 6, 3/4",
    ],
)
def test_names_addresses_and_relative_paths_stay(text):
    assert without_private_parts(text) == text
