#!/usr/bin/env bash
# Four agencies, each with a register of its own, a coordinator and an auditor, in one run.
#
#   bash run.sh [FOLDER] [FAMILIES]       default: four-registers, 500 KRS families
#   EMIS=yes bash run.sh ...              a fifth agency: Kankemenag with the pupils of madrasah
#   DAMAGE=clean bash run.sh ...          registers as clean as those of 2024, not as those of 2020
#
# Every command is one that its party would type, with its own home and passphrase; nobody reads
# another's folder. measure.py at the end is the only one who knows the truth, as a simulation can.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-four-registers}
families=${2:-500}
if [ -e "$out" ]; then
  echo "$out is there already: name another folder" >&2
  exit 2
fi

agencies=(bkkbn kemensos disdik dinkes)
area=6408 # Kutai Timur: the registers of disdik and dinkes cover it
presence=(--presence "disdik=dapodik@$area" --presence "dinkes=pbi_jkn@$area")
if [ "${EMIS:-no}" = yes ]; then
  agencies+=(kankemenag)
  presence+=(--presence "kankemenag=emis@$area")
fi
coordinator=bps auditor=inspektorat
parties=("${agencies[@]}" "$coordinator" "$auditor")
trap 'for each in $(jobs -p); do kill "$each" 2> /dev/null || true; done' EXIT

register_of() {
  case $1 in
    bkkbn) echo krs ;; kemensos) echo dtsen ;; disdik) echo dapodik ;; dinkes) echo pbi_jkn ;;
    kankemenag) echo emis ;;
  esac
}
say() { printf '\n# %s\n' "$*"; }
# party NAME COMMAND...: what NAME types, with the home and the passphrase of NAME.
party() {
  local name=$1
  shift
  printf '%s$ pprl %s\n' "$name" "$*"
  pprl --lang en "$@" --home "$out/parties/$name" --passphrase-file "$out/parties/$name/passphrase"
}

# turn WHAT NAME...: all of them do WHAT at the same time; what each saw is shown in turn.
turn() {
  local what=$1 name each failed=0 at_work=()
  shift
  for name in "$@"; do
    "$what" "$name" > "$out/said/$name" 2>&1 & at_work+=($!)
  done
  for each in "${at_work[@]}"; do wait "$each" || failed=1; done
  for name in "$@"; do cat "$out/said/$name"; done
  return "$failed"
}

say "Synthetic registers of one district; NIKs with kecamatan code 99, which doesn't exist"
mkdir -p "$out/data" "$out/said" "$out/parties" "$out/cards" "$out/exchange"
pprl --lang en lab simulate-families --out "$out/data" --krs "$families" \
  --dtsen $((3 * families)) --registers krs,dtsen,dapodik,pbi_jkn,emis \
  --damage "${DAMAGE:-dirty}" --seed 7
# What the survey says of schooling and insurance is the truth to compare with: BKKBN's file is
# without it.
mv "$out/data/krs.csv" "$out/data/survey.csv"
python "$here/measure.py" hide "$out/data/survey.csv" "$out/data/krs.csv"

say "Homes, cards, and fingerprints that are read out on the telephone"
enter() {
  local name=$1 role=agency
  [ "$name" = "$coordinator" ] && role=coordinator
  [ "$name" = "$auditor" ] && role=auditor
  mkdir -m 700 "$out/parties/$name"
  (umask 077; head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$out/parties/$name/passphrase")
  party "$name" init --role "$role" "$name" --out "$out/cards/$name.party.toml" \
    2>&1 | tee "$out/cards/$name.init"
  party "$name" card --out "$out/cards/$name.card.json"
}
turn enter "${parties[@]}"
pin() {
  local name=$1 other heard
  for other in "${parties[@]}"; do
    [ "$name" = "$other" ] && continue
    heard=$(sed -n 's/^Fingerprint.*: //p' "$out/cards/$other.init")
    pprl --lang en trust add "$out/cards/$other.party.toml" --fingerprint "$heard" \
      --pins "$out/parties/$name/pins.toml"
  done
}
turn pin "${parties[@]}"

say "The agreement: what for, until when, who hands over what"
pprl --lang en agreement new "$out"/cards/*.party.toml "$out"/cards/*.card.json \
  --out "$out/agreement.toml" \
  --purpose "Menemukan anak tidak sekolah dan keluarga miskin tanpa PBI JKN di antara keluarga berisiko stunting" \
  --legal-basis "synthetic data, no law needed" --dpia example \
  --population "penduduk Kutai Timur ($area)" --max-records 100000 \
  --release kemensos:bkkbn:desil,pkh,sembako \
  --release disdik:bkkbn:pip \
  --release dinkes:bkkbn:jkn_active=11
run=(--run "$out/exchange")
party "$coordinator" agreement sign "$out/agreement.toml" --exchange "$out/exchange" --yes
agree() { party "$1" agreement sign "${run[@]}" --yes; }
turn agree "${agencies[@]}" "$auditor"

say "Encode: each agency its own register"
for name in "${agencies[@]}"; do # after each other: the first one compiles for all
  register=$(register_of "$name")
  party "$name" encode "$out/data/$register.csv" "${run[@]}" --register "$register"
done

say "Link: the coordinator, who can't read a name"
party "$coordinator" link "${run[@]}"

say "Receive, close, audit"
receive_own() { party "$1" receive "${run[@]}" --out "$out/parties/$1/overlap.csv"; }
turn receive_own "${agencies[@]}"
party "$coordinator" close "${run[@]}" --json > "$out/close.json"
digest=$(sed -n 's/.*"transcript": "\([0-9a-f]*\)".*/\1/p' "$out/close.json")
compare_digest() { party "$1" close "${run[@]}" --digest "$digest"; }
turn compare_digest "${agencies[@]}" "$auditor"
pprl --lang en audit "$out/exchange" --trust "$out/parties/$auditor/pins.toml"

say "Assign at BKKBN: own families, attributes from three agencies, who stands in which register"
party bkkbn assign "$out/data/krs.csv" "${run[@]}" --out "$out/worklists" --day 2024-12-31 \
  --rules "$here/kutai_timur.toml" "${presence[@]}"

say "Beside the truth"
python "$here/measure.py" compare "$out"
