"""What a fusion model is made of.  two encoder configurations + head -> config.json and back."""

from typing import Any, ClassVar

from transformers import AutoConfig, PreTrainedConfig

TASK = "speech-emotion-recognition"


class FusionConfig(PreTrainedConfig):
    """Configuration of a speech encoder and a text encoder under one linear classifier.

    Args:
        audio_config: configuration of the speech encoder, or its dictionary with ``model_type``.
        text_config: the same of the text encoder; None for a model of sound alone.
        dropout: probability on the pooled states of both towers.
        audio_pooling: over time, "mean", "mean+std" or "attention" (:class:`.pooling.Pooling`).
        audio_layers: "last", "weighted" with learned weights, or a range such as "2-4".
        text_pooling: as ``audio_pooling``, over tokens.
        text_layers: as ``audio_layers``.
        modality_dropout: probability in training that a clip is without its sound or without its text, so
            that the model can go without one of them afterwards.
        preprocessing: what was done to the clips before they came here; None where nobody said.
        kwargs: what every configuration takes; ``id2label`` names the classes in the order of the logits.

    Raises:
        ValueError: an encoder is missing or is none, or ``modality_dropout`` without text.
    """

    model_type = "mmser-fusion"
    sub_configs: ClassVar = {"audio_config": AutoConfig, "text_config": AutoConfig}
    has_no_defaults_at_init = True

    def __init__(  # noqa: PLR0913 - a configuration's fields are its arguments
        self,
        audio_config: PreTrainedConfig | dict[str, Any] | None = None,
        text_config: PreTrainedConfig | dict[str, Any] | None = None,
        dropout: float = 0.1,
        audio_pooling: str = "mean",
        audio_layers: str = "last",
        text_pooling: str = "mean",
        text_layers: str = "last",
        modality_dropout: float = 0.0,
        preprocessing: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        kwargs["custom_pipelines"] = {
            TASK: {"impl": "pipeline_fusion.SpeechEmotionPipeline", "pt": ["AutoModel"]}
        }
        super().__init__(**kwargs)
        # After super(), which would otherwise undo the attention implementation that each encoder has chosen.
        self.audio_config = _as_config("audio_config", audio_config)
        self.text_config = None if text_config is None else _as_config("text_config", text_config)
        self.dropout = dropout
        self.audio_pooling = audio_pooling
        self.audio_layers = audio_layers
        self.text_pooling = text_pooling
        self.text_layers = text_layers
        self.modality_dropout = modality_dropout
        if modality_dropout and text_config is None:
            raise ValueError(
                f"modality_dropout is {modality_dropout} in a model of sound alone: it has no other to go by."
            )
        self.preprocessing = preprocessing


def _as_config(name: str, value: PreTrainedConfig | dict[str, Any] | None) -> PreTrainedConfig:
    if isinstance(value, PreTrainedConfig):
        return value
    if not isinstance(value, dict) or "model_type" not in value:
        raise ValueError(
            f"{name} is {value!r}, expected an encoder's configuration or its dictionary with 'model_type'."
        )
    return AutoConfig.for_model(**value)
