"""Speech and text in one transformers model.  This folder imports torch, transformers and itself alone."""

from .audio_features import AudioFeatures
from .configuration_fusion import FusionConfig
from .masked_norm import install_masked_norm
from .modeling_fusion import FusionForEmotionClassification
from .pipeline_fusion import SpeechEmotionPipeline
from .pretrained import build_fusion, build_speech
from .processing_fusion import FusionProcessor

FusionConfig.register_for_auto_class("AutoConfig")
FusionForEmotionClassification.register_for_auto_class("AutoModel")
FusionProcessor.register_for_auto_class("AutoProcessor")

__all__ = [
    "AudioFeatures",
    "FusionConfig",
    "FusionForEmotionClassification",
    "FusionProcessor",
    "SpeechEmotionPipeline",
    "build_fusion",
    "build_speech",
    "install_masked_norm",
]
