#!/usr/bin/env bash
# The whole line on five miniature corpora: write them, build the corpus, train HuBERT and fusion, predict a clip.
#   recipes/demo.sh [FOLDER]
set -euo pipefail
folder=${1:-demo}
seed=${SEED:-0}
launch=(accelerate launch --config_file recipes/accelerate/cpu.yaml)
export TOKENIZERS_PARALLELISM=false MMSER_CACHE="$folder/cache"

echo "1/5 Five corpora in miniature, spoken by eSpeak NG, and two small random towers -> $folder"
if [[ -f "$folder/.mmser-demo" ]]; then rm -rf "$folder"; fi  # an earlier demo; mmser refuses any other files
mmser demo "$folder"

echo "2/5 The corpus: relabel, clean, split by speaker, balance by augmentation"
mmser build --root "$folder/data" --out "$folder/corpus" --protocol speaker --transcripts reference --seed 0

echo "3/5 HuBERT alone, every weight trained from scratch"
"${launch[@]}" recipes/train_hubert.py --config recipes/configs/demo_hubert.yaml --seed "$seed" \
  --audio-encoder "$folder/towers/hubert" --corpus "$folder/corpus" --out "$folder/runs/hubert"

echo "4/5 HuBERT + BERT, from the HuBERT just trained"
"${launch[@]}" recipes/train_fusion.py --config recipes/configs/demo_fusion.yaml --seed "$seed" \
  --audio-encoder "$folder/runs/hubert" --text-encoder "$folder/towers/bert" \
  --corpus "$folder/corpus" --out "$folder/runs/fusion"

echo "5/5 One clip of an actor whom neither model has heard"
clip=$(find "$folder/data" -name "03-01-05-*-01.wav" | sort | head -n 1)
mmser predict "$folder/runs/fusion" "$clip" --text "Kids are talking by the door"
echo "Reports: $folder/runs/hubert/report.md, $folder/runs/fusion/report.md"
