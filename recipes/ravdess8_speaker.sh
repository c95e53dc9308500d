#!/usr/bin/env bash
# RAVDESS, eight emotions, folds of four actors that no model has heard: build, choose, train, pool the folds.
#   recipes/ravdess8_speaker.sh DATA OUT [WHISPER] [FOLDS]
# DATA holds RAVDESS; WHISPER is openai/whisper-base by default, or its folder; FOLDS are the actors divided by four,
# 3 for actors 01 to 12, 6 for all. Each fold chooses layers and shrinkage by four inner folds over its own training
# speakers, writes them to choice.json, and then hears its test speakers, with three seeds. Begun again after a cut it
# goes on where it was.
set -euo pipefail
data=$1 out=$2 whisper=${3:-openai/whisper-base} folds=${4:-3}
config=$(dirname "$0")/configs/ravdess8_speaker.yaml
seeds=(0 1 2)

if [[ ! -f "$out/corpora/speaker-fold$((folds - 1))/corpus.json" ]]; then
  mmser build --root "$data" --out "$out/corpora" --corpora ravdess --scheme ravdess8 --protocol speaker --overwrite \
    --folds "$folds" --fold all --transcripts none --no-denoise --balance-to none
fi

for ((fold = 0; fold < folds; fold++)); do
  if [[ -f "$out/fold$fold/seed-${seeds[-1]}/metrics.json" ]]; then continue; fi
  mmser sweep "$config" --corpus "$out/corpora/speaker-fold$fold" --out "$out/fold$fold" --inner-folds 4 \
    --vary layers=2-4,1-6 lda_shrinkage=0.3,0.5,0.7 --seeds "${seeds[@]}" --set "audio_encoder=$whisper"
done

for seed in "${seeds[@]}"; do
  echo "All folds pooled, seed $seed"
  mmser evaluate "$out"/fold*/seed-"$seed" --out "$out/pooled-$seed"
done
