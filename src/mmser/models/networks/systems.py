"""The networks by name.  name -> what it takes, whose it is, how it is built"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from mmser.errors import SettingsError, UnknownNameError
from mmser.models.networks.autoencoder import AutoencoderClassifier
from mmser.models.networks.cnn1d import KhanCnn, SharmaCnn
from mmser.models.networks.cnn2d import PhoCnn
from mmser.models.networks.recurrent import CnnLstm, KhanRnn, Lstm


@dataclass(frozen=True)
class NetworkSystem:
    """One network of a paper.

    Attributes:
        features: what it takes, a name of ``mmser.training.feature_cache.FEATURES``.
        source: whose system it is.
        network: its class: (number of classes, length of the last axis of the features) -> network.
        scaled: whether features are scaled to mean 0 and deviation 1 over the training clips.
        has_dropout: whether its rate can be given.
    """

    features: str
    source: str
    network: Callable[..., nn.Module]
    scaled: bool = True
    has_dropout: bool = False

    def build(self, num_classes: int, input_shape: Sequence[int], dropout: float | None) -> nn.Module:
        """Build the network with random weights.

        Raises:
            SettingsError: a dropout is given, and the network has none.
        """
        if dropout is None:
            return self.network(num_classes, input_shape[-1])
        if not self.has_dropout:
            raise SettingsError(f"dropout is {dropout}, but this network has none. Leave it out.")
        return self.network(num_classes, input_shape[-1], dropout=dropout)


_SHARMA, _KHAN, _PHO, _PINTO = "Sharma", "Khan et al.", "Pho et al.", "Pinto et al."
NETWORKS: Mapping[str, NetworkSystem] = MappingProxyType(
    {
        "sharma-cnn": NetworkSystem("paper94", _SHARMA, SharmaCnn, has_dropout=True),
        "khan-cnn": NetworkSystem("mfcc80", _KHAN, KhanCnn, has_dropout=True),
        "khan-rnn": NetworkSystem("mfcc80", _KHAN, KhanRnn),
        "pho-cnn": NetworkSystem("logmel", _PHO, PhoCnn, scaled=False, has_dropout=True),
        "lstm": NetworkSystem("logmel", _PINTO, Lstm),
        "cnn-lstm": NetworkSystem("logmel", _PINTO, CnnLstm),
        "autoencoder": NetworkSystem("families", _PINTO, AutoencoderClassifier),
    }
)


def get_network(name: str) -> NetworkSystem:
    """Return a network by name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in NETWORKS:
        raise UnknownNameError("network", name, NETWORKS)
    return NETWORKS[name]
