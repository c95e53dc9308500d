"""Whom a model's card thanks.  kind of encoder -> reference"""

from types import MappingProxyType

SYSTEM = (
    "Sharma, V. (2023). Speech and Text-Based Emotion Recognizer. arXiv:2312.11503 (the system, its corpus "
    "and its splits)."
)
ENCODERS = MappingProxyType(
    {
        "hubert": "Hsu, W.-N., Bolte, B., Tsai, Y.-H. H., Lakhotia, K., Salakhutdinov, R., and Mohamed, A. "
        "(2021). HuBERT: Self-Supervised Speech Representation Learning by Masked Prediction of Hidden "
        "Units. arXiv:2106.07447.",
        "wav2vec2": "Baevski, A., Zhou, H., Mohamed, A., and Auli, M. (2020). wav2vec 2.0: A Framework for "
        "Self-Supervised Learning of Speech Representations. arXiv:2006.11477.",
        "wavlm": "Chen, S., et al. (2022). WavLM: Large-Scale Self-Supervised Pre-Training for Full Stack "
        "Speech Processing. arXiv:2110.13900.",
        "whisper": "Radford, A., Kim, J. W., Xu, T., Brockman, G., McLeavey, C., and Sutskever, I. (2022). "
        "Robust Speech Recognition via Large-Scale Weak Supervision. arXiv:2212.04356.",
        "bert": "Devlin, J., Chang, M.-W., Lee, K., and Toutanova, K. (2019). BERT: Pre-training of Deep "
        "Bidirectional Transformers for Language Understanding. arXiv:1810.04805.",
        "roberta": "Liu, Y., et al. (2019). RoBERTa: A Robustly Optimized BERT Pretraining Approach. "
        "arXiv:1907.11692.",
        "xlm-roberta": "Conneau, A., et al. (2020). Unsupervised Cross-lingual Representation Learning at "
        "Scale. arXiv:1911.02116.",
    }
)
