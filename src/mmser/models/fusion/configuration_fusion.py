"""What a fusion model is made of.  two encoder configurations + head -> config.json and back."""

from typing import Any, ClassVar

from transformers import AutoConfig, PreTrainedConfig

TASK = "speech-emotion-recognition"


class FusionConfig(PreTrainedConfig):
    """Configuration of a speech encoder and a text encoder under one linear classifier.

    Args:
        audio_config: configuration of the speech encoder, or its dictionary with ``model_type``.
        text_config: the same of the text encoder.
        dropout: probability on the pooled states of both towers.
        preprocessing: what was done to the clips before they came here; None where nobody said.
        kwargs: what every configuration takes; ``id2label`` names the classes in the order of the logits.

    Raises:
        ValueError: one of the encoders is missing.
    """

    model_type = "mmser-fusion"
    sub_configs: ClassVar = {"audio_config": AutoConfig, "text_config": AutoConfig}
    has_no_defaults_at_init = True

    def __init__(
        self,
        audio_config: PreTrainedConfig | dict[str, Any] | None = None,
        text_config: PreTrainedConfig | dict[str, Any] | None = None,
        dropout: float = 0.1,
        preprocessing: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        kwargs["custom_pipelines"] = {
            TASK: {"impl": "pipeline_fusion.SpeechEmotionPipeline", "pt": ["AutoModel"]}
        }
        super().__init__(**kwargs)
        # After super(), which would otherwise undo the attention implementation that each encoder has chosen.
        self.audio_config = _as_config("audio_config", audio_config)
        self.text_config = _as_config("text_config", text_config)
        self.dropout = dropout
        self.preprocessing = preprocessing


def _as_config(name: str, value: PreTrainedConfig | dict[str, Any] | None) -> PreTrainedConfig:
    if isinstance(value, PreTrainedConfig):
        return value
    if not isinstance(value, dict) or "model_type" not in value:
        raise ValueError(
            f"{name} is {value!r}, expected an encoder's configuration or its dictionary with 'model_type'."
        )
    return AutoConfig.for_model(**value)
