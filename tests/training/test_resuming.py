import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from factories_corpus import write_corpus
from mmser.errors import SettingsError
from mmser.training.resuming import find_checkpoint, is_complete, prepare_folder
from mmser.training.trainer import EmotionTrainer

SETTINGS = {"corpus": "corpora/a", "out": "o", "resume": False, "overwrite": False, "learning_rate": 0.1}
SHORT = {
    "num_train_epochs": 3,
    "per_device_train_batch_size": 8,
    "learning_rate": 0.01,
    "save_total_limit": 3,
}


def write_checkpoint(folder, step):
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    save_file({"weight": torch.ones(64)}, checkpoint / "model.safetensors")
    torch.save({"moment": torch.ones(64)}, checkpoint / "optimizer.pt")
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return checkpoint


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-20])


def test_a_checkpoint_that_was_not_written_to_its_end_is_passed_by(tmp_path, caplog):
    whole, broken = write_checkpoint(tmp_path, 9), write_checkpoint(tmp_path, 10)
    (broken / "trainer_state.json").unlink()  # the last that Trainer writes
    assert find_checkpoint(tmp_path) == whole
    assert f"{broken}: not complete, the run was killed while writing it; it is passed by." in caplog.text
    assert f"{whole}: the run goes on from here." in caplog.text


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "trainer_state.json"])
def test_a_file_cut_short_makes_a_checkpoint_incomplete(tmp_path, name):
    checkpoint = write_checkpoint(tmp_path, 1)
    assert is_complete(checkpoint)
    cut_short(checkpoint / name)
    assert not is_complete(checkpoint)


def test_checkpoints_are_ordered_by_step_and_other_folders_are_left_alone(tmp_path):
    newest = write_checkpoint(tmp_path, 100)
    write_checkpoint(tmp_path, 99)
    (tmp_path / "checkpoint-latest").mkdir()
    assert find_checkpoint(tmp_path) == newest


def test_a_run_without_a_complete_checkpoint_starts_at_the_beginning_and_says_so(tmp_path, caplog):
    (write_checkpoint(tmp_path, 4) / "trainer_state.json").unlink()
    assert find_checkpoint(tmp_path) is None
    assert "holds no complete checkpoint; the run starts at the beginning" in caplog.text


def test_a_run_is_not_resumed_on_another_corpus(tmp_path):
    prepare_folder(tmp_path / "o", SETTINGS, "one")
    message = re.escape(
        "o: begun on the corpus corpora/a of fingerprint one, but corpora/b is of fingerprint two. "
        "Resume with the corpus that it was begun on, or start anew with --overwrite."
    )
    with pytest.raises(SettingsError, match=message):
        prepare_folder(tmp_path / "o", {**SETTINGS, "resume": True, "corpus": "corpora/b"}, "two")


def test_a_run_is_resumed_on_the_same_corpus_in_another_place(tmp_path):
    prepare_folder(tmp_path / "o", SETTINGS, "one")
    prepare_folder(tmp_path / "o", {**SETTINGS, "resume": True, "corpus": "moved/a"}, "one")
    begun = json.loads((tmp_path / "o" / "settings.json").read_text())
    assert begun["corpus"] == SETTINGS["corpus"]  # as it was begun


def test_a_run_that_cannot_be_resumed_needs_no_such_setting(tmp_path):
    settings = {name: value for name, value in SETTINGS.items() if name != "resume"}
    prepare_folder(tmp_path / "o", settings, "one")
    begun = json.loads((tmp_path / "o" / "settings.json").read_text())
    assert begun == settings | {"corpus_fingerprint": "one"}


def test_settings_that_json_writes_otherwise_are_the_same_settings(tmp_path):
    settings = {**SETTINGS, "lr_scheduler_kwargs": {"num_cycles": 2}, "lengths": (1, 2)}
    prepare_folder(tmp_path / "o", settings, "one")
    prepare_folder(tmp_path / "o", {**settings, "resume": True}, "one")
    with pytest.raises(SettingsError, match=r"other values of \['lr_scheduler_kwargs'\]"):
        prepare_folder(
            tmp_path / "o", {**settings, "resume": True, "lr_scheduler_kwargs": {"num_cycles": 3}}, "one"
        )


def test_a_corpus_that_was_rebuilt_in_its_place_stops_a_resumed_run(run_recipe, tmp_path):
    corpus = write_corpus(tmp_path / "tones", num_train=8, num_test=3)
    run_recipe("train_hubert", corpus=corpus, num_train_epochs=1)
    shutil.rmtree(corpus)
    write_corpus(corpus, num_train=8, num_test=6)
    with pytest.raises(
        SettingsError, match=r"of fingerprint tones-8-3, but .*tones is of fingerprint tones-8-6"
    ):
        run_recipe("train_hubert", "--resume", "True", corpus=corpus, num_train_epochs=1)


def test_a_run_killed_while_saving_ends_with_the_weights_of_an_uninterrupted_one(run_recipe, monkeypatch):
    whole = run_recipe("train_hubert", out="whole", **SHORT)
    original = EmotionTrainer._save_optimizer_and_scheduler

    def die_at_the_second_checkpoint(self, folder):
        if self.state.global_step == 8:  # 32 clips, 8 a step: the end of the second epoch
            raise KeyboardInterrupt
        original(self, folder)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "_save_optimizer_and_scheduler", die_at_the_second_checkpoint)
        with pytest.raises(KeyboardInterrupt):
            run_recipe("train_hubert", out="killed", **SHORT)
    assert (whole.parent / "killed/checkpoints/checkpoint-8/model.safetensors").exists()
    killed = run_recipe("train_hubert", "--resume", "True", out="killed", **SHORT)
    weights = [load_file(run / "model.safetensors") for run in (whole, killed)]
    assert all(torch.allclose(each, weights[1][name], atol=1e-6) for name, each in weights[0].items())
