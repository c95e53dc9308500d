"""The fusion model as a transformers pipeline.  {array, sampling_rate, text} -> classes with their scores.

pipeline("speech-emotion-recognition", model=folder, trust_remote_code=True)

A model of sound alone needs no text.
"""

import logging
from typing import Any

from transformers import Pipeline

from .audio_features import AudioFeatures

logger = logging.getLogger(__name__)

_SOUND = {"array", "sampling_rate"}
_FILES = {
    True: "processor_config.json, tokenizer.json and tokenizer_config.json",
    False: "preprocessor_config.json",
}


class SpeechEmotionPipeline(Pipeline):
    """Classify cleaned clips, with their transcripts where the model reads text, one at a time.

    Raises:
        ValueError: what makes the model's features is not there.
    """

    _load_processor: Any = None  # where the model reads text; transformers passes None where it finds none
    _load_feature_extractor: Any = None  # of a model of sound alone
    _load_tokenizer: Any = False
    _load_image_processor: Any = False

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._reads_text = self.model.config.text_config is not None
        if (self.processor if self._reads_text else self.feature_extractor) is None:
            raise ValueError(
                "What makes the model's features could not be loaded. Expected "
                f"{_FILES[self._reads_text]} beside the model: copy or download the whole of it again."
            )
        logger.warning(
            "This pipeline takes clips as they are. The model was trained on clips that were prepared as its "
            "config.preprocessing says, and so must yours be: %s",
            self.model.config.preprocessing,
        )

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if kwargs:
            raise ValueError(f"The pipeline takes no parameters, got {sorted(kwargs)}.")
        return {}, {}, {}

    def preprocess(self, input_: Any, **parameters: Any) -> Any:
        """One clip, ``{"array": (S,), "sampling_rate": Hz, "text": str}``, to a batch of one.

        Raises:
            ValueError: the waveform, its rate, or the text that the model reads is missing.
        """
        clip = input_ if isinstance(input_, dict) else {}
        given = {name for name, value in clip.items() if value is not None}
        needs_text = self._reads_text and not self.model.config.modality_dropout
        inputs = _SOUND | ({"text"} if needs_text else set())
        if missing := sorted(inputs - given):
            hint = (
                " This model reads what is said: transcribe the clip first; '' stands for one without words."
            )
            raise ValueError(
                f"The clip lacks {missing}, expected a dictionary of {sorted(inputs)}."
                f"{hint if needs_text else ''}"
            )
        if self._reads_text:
            processor: Any = self.processor
            return processor([clip["array"]], [clip.get("text")], clip["sampling_rate"])
        audio = AudioFeatures(self.feature_extractor, input_name="input_values")
        audio.check_rate(clip["sampling_rate"])
        return audio.pad([audio.features(clip["array"])])

    def _forward(self, input_tensors: Any, **parameters: Any) -> Any:
        return self.model(**input_tensors)

    def postprocess(self, model_outputs: Any, **parameters: Any) -> list[dict[str, Any]]:
        """All classes, ``{"label", "score"}`` each, the most probable first; calibrated if the model is."""
        names: Any = self.model.config.id2label
        temperature = getattr(self.model.config, "calibration_temperature", None) or 1.0
        scores = (model_outputs.logits[0].double() / temperature).softmax(-1).tolist()
        rows = [{"label": names[index], "score": score} for index, score in enumerate(scores)]
        return sorted(rows, key=lambda row: -row["score"])
