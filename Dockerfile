# syntax=docker/dockerfile:1
# Two images of mmser; docs/docker.md has the commands to run them.
#   docker build --tag mmser .                      train: CUDA, the recipes
#   docker build --tag mmser-app --target app .     app: the web page of one trained model, on the CPU
#
# Versions are those of constraints.txt. It names torch without a build: PyPI has the one for CUDA 13.0, PyTorch's own
# index the one for the CPU. No weights, corpora or tokens are part of an image: weights are fetched into the volume
# /cache when they are first asked for.

FROM python:3.12.13-slim-trixie AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1

FROM python AS requirements
WORKDIR /requirements
COPY pyproject.toml docker/requirements.py ./
RUN python requirements.py app demo onnx > app.txt \
    && python requirements.py baselines demo lora onnx > train.txt

FROM python AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --no-deps --wheel-dir /wheels .

FROM python AS app
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="mmser app" \
      org.opencontainers.image.description="The web page of a trained speech-and-text emotion recognizer, on the CPU" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.12.13-slim-trixie"
# Any user may write where models are fetched to, so that `docker run --user` works too.
RUN useradd --uid 1001 --create-home --shell /usr/sbin/nologin mmser \
    && install --directory --mode 1777 /cache
RUN python3 -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
COPY constraints.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint /requirements/constraints.txt --no-deps \
        --index-url https://download.pytorch.org/whl/cpu torch
COPY --from=requirements /requirements/app.txt /requirements/
# Whisper asks for triton, which it uses on GPUs alone.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint /requirements/constraints.txt --requirement /requirements/app.txt \
    && pip uninstall --yes triton
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps /wheels/*.whl
ENV HOME=/cache \
    USER=mmser \
    XDG_CACHE_HOME=/cache \
    HF_HOME=/cache/huggingface \
    MMSER_CACHE=/cache/mmser \
    PYTHONUNBUFFERED=1
USER 1001:1001
VOLUME /cache
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["mmser", "app"]
CMD ["/model", "--host", "0.0.0.0", "--port", "8501", "--no-browser"]

# The base with CUDA's runtime alone: PyTorch's wheels bring cuBLAS, cuDNN and NCCL in the versions that they want.
FROM nvidia/cuda:13.0.3-base-ubuntu24.04 AS train
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="mmser" \
      org.opencontainers.image.description="Training of speech-and-text emotion recognizers, on GPUs" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/nvidia/cuda:13.0.3-base-ubuntu24.04"
# The compiler and Python's headers are for kernels that are made while a run trains (--torch_compile True).
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc=4:13.* python3-dev=3.12.* python3-venv=3.12.* \
    && rm -rf /var/lib/apt/lists/*
# Any user may write where models are fetched to and where runs begin, so that `docker run --user` works too.
RUN useradd --uid 1001 --create-home --shell /bin/bash mmser \
    && install --directory --mode 1777 /cache /mmser
RUN python3 -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH" \
    PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint /requirements/constraints.txt torch
COPY --from=requirements /requirements/train.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint /requirements/constraints.txt --requirement /requirements/train.txt
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps /wheels/*.whl
WORKDIR /mmser
COPY recipes recipes
ENV HOME=/cache \
    USER=mmser \
    XDG_CACHE_HOME=/cache \
    HF_HOME=/cache/huggingface \
    MMSER_CACHE=/cache/mmser \
    PYTHONUNBUFFERED=1
USER 1001:1001
VOLUME /cache
CMD ["mmser", "--help"]
