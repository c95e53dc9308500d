import pytest
import torch
from torch.nn import functional

from mmser.errors import CheckpointError, SettingsError, UnknownNameError
from mmser.models.networks.modeling import BINARY, NetworkConfig, NetworkForEmotionClassification
from mmser.models.networks.systems import NETWORKS, get_network
from mmser.models.strict import load_strictly

LABELS = torch.tensor([0, 1, 2, 0])


def build(network="khan-cnn", shape=(80, 3), **options):
    torch.manual_seed(0)
    names = {0: "angry", 1: "happy", 2: "sad"}
    return NetworkForEmotionClassification(NetworkConfig(network, shape, id2label=names, **options)).eval()


@pytest.fixture
def features():
    return torch.randn(4, 80, 3, generator=torch.Generator().manual_seed(1))


def test_features_are_scaled_as_the_training_features_were(features):
    model = build()
    plain = model.network((features - 5) / 2)
    model.fit_scaling(
        torch.stack([torch.full((80, 3), 3.0), torch.full((80, 3), 7.0)])
    )  # mean 5, deviation 2
    assert torch.allclose(model(features).logits, plain)


def test_a_feature_that_never_changes_is_not_divided_by_zero(features):
    model = build()
    model.fit_scaling(torch.ones(5, 80, 3))
    assert torch.isfinite(model(features).logits).all()


def test_the_loss_is_the_mean_cross_entropy(features):
    out = build()(features, LABELS)
    assert out.loss.item() == pytest.approx(functional.cross_entropy(out.logits, LABELS).item())


def test_the_binary_loss_asks_each_emotion_by_itself(features):
    model = build(loss=BINARY)
    targets = torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]])
    assert model.class_weights.tolist() == [1, 1, 1]  # what 2 clips of 4 weigh
    out = model(features, targets)
    chance = torch.sigmoid(out.logits)
    expected = -torch.where(targets > 0, chance, 1 - chance).log().mean()
    assert out.loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_l1_and_l2_add_the_kernels_sizes_but_not_the_biases(features):
    plain = build()(features, LABELS).loss
    kernels = [each for each in build().network.parameters() if each.ndim > 1]
    assert len(kernels) == 3
    l1 = build(l1=0.1)(features, LABELS).loss - plain
    l2 = build(l2=0.1)(features, LABELS).loss - plain
    assert l1.item() == pytest.approx(0.1 * sum(each.abs().sum().item() for each in kernels), rel=1e-4)
    assert l2.item() == pytest.approx(0.1 * sum((each**2).sum().item() for each in kernels), rel=1e-4)


def test_an_autoencoder_pays_for_what_it_does_not_restore():
    model = build("autoencoder", (10,))
    features = torch.randn(4, 10)
    out = model(features, LABELS)
    expected = functional.cross_entropy(out.logits, LABELS) + model.network.penalty(features)
    assert out.loss.item() == pytest.approx(expected.item())


def test_a_saved_network_is_loaded_whole_with_its_scaling(features, tmp_path):
    model = build(dropout=0.5)
    model.fit_scaling(features)
    model.save_pretrained(tmp_path)
    loaded = load_strictly(NetworkForEmotionClassification, tmp_path)
    assert torch.equal(loaded(features).logits, model(features).logits)
    assert loaded.config.dropout == 0.5


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    build("khan-rnn").save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text().replace("khan-rnn", "khan-cnn")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match="weights would start at random: network"):
        load_strictly(NetworkForEmotionClassification, tmp_path)


def test_a_dropout_can_be_given_where_there_is_one():
    for name, system in NETWORKS.items():
        shape = {"paper94": (94,), "mfcc80": (80, 3), "logmel": (278, 200), "families": (60,)}[
            system.features
        ]
        network = build(name, shape, dropout=0.11 if system.has_dropout else None).network
        if system.has_dropout:
            assert {each.p for each in network.modules() if hasattr(each, "p")} == {0.11}
    with pytest.raises(SettingsError, match=r"dropout is 0\.5, but this network has none"):
        build("khan-rnn", dropout=0.5)


def test_an_unknown_network_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Unknown network 'kahn-cnn'.*Did you mean 'khan-cnn'"):
        get_network("kahn-cnn")
