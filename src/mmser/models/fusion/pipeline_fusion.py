"""The fusion model as a transformers pipeline.  {array, sampling_rate, text} -> classes with their scores.

pipeline("speech-emotion-recognition", model=folder, trust_remote_code=True)
"""

import logging
from typing import Any

from transformers import Pipeline

logger = logging.getLogger(__name__)

INPUTS = {"array", "sampling_rate", "text"}


class SpeechEmotionPipeline(Pipeline):
    """Classify cleaned clips with their transcripts, one at a time."""

    _load_processor: Any = True
    _load_feature_extractor: Any = False
    _load_tokenizer: Any = False
    _load_image_processor: Any = False

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
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
            ValueError: the text, the waveform or its rate is missing.
        """
        clip = input_ if isinstance(input_, dict) else {}
        given = {name for name, value in clip.items() if value is not None}
        if missing := sorted(INPUTS - given):
            raise ValueError(
                f"The clip lacks {missing}, expected a dictionary of {sorted(INPUTS)}. This model reads what "
                "is said: transcribe the clip first; '' stands for a clip without words."
            )
        processor: Any = self.processor
        return processor([clip["array"]], [clip["text"]], clip["sampling_rate"])

    def _forward(self, input_tensors: Any, **parameters: Any) -> Any:
        return self.model(**input_tensors)

    def postprocess(self, model_outputs: Any, **parameters: Any) -> list[dict[str, Any]]:
        """All classes, ``{"label", "score"}`` each, the most probable first."""
        names: Any = self.model.config.id2label
        scores = model_outputs.logits[0].double().softmax(-1).tolist()
        rows = [{"label": names[index], "score": score} for index, score in enumerate(scores)]
        return sorted(rows, key=lambda row: -row["score"])
