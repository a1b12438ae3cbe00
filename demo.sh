#!/usr/bin/env bash
# The main job on this repository's own config: offline, on SQLite, with a week let pass. Repeatable: it starts afresh.
set -euo pipefail
cd "$(dirname "$0")"
igny8="${BIN:-.venv/bin}/igny8"
export IGNY8_DB="sqlite:///$PWD/.igny8/demo.db" IGNY8_MEDIA="$PWD/.igny8/demo-media"
rm -rf .igny8/demo.db* .igny8/demo-media published reports
mkdir -p .igny8 reports
step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

step "igny8 validate"
"$igny8" validate
step "igny8 plan        (whole text: reports/plan.txt)"
"$igny8" plan > reports/plan.txt
sed -n '1,6p' reports/plan.txt; echo "  ..."; tail -n 7 reports/plan.txt
step "igny8 apply --yes"
"$igny8" apply --yes | tail -n 4
step "igny8 plan        (again)"
"$igny8" plan
step "igny8 run --now --offline --no-delays"
"$igny8" run --now --offline --no-delays
step "a person approves: igny8 content approve (london-kitchen has auto_approval off)"
"$igny8" content list --site london-kitchen
waiting=$("$igny8" content list --site london-kitchen --state review --json | sed -n 's/^ *"id": \([0-9]*\),$/\1/p')
# shellcheck disable=SC2086  # the numbers are words
"$igny8" content approve $waiting
step "a week passes: each day igny8 run --due, igny8 publish --due"
for day in 1 2 3 4 5 6 7; do
  printf -- '-- day %s: ' "$day"
  "$igny8" --quiet run --due --offline --no-delays --at "+${day}d"
  "$igny8" publish --due --at "+${day}d"
done
step "igny8 status --at +7d"
"$igny8" status --at +7d
step "igny8 credits balance, igny8 credits verify"
"$igny8" credits balance
"$igny8" credits verify
step "igny8 report --write reports"
"$igny8" report --write reports

cat <<END

Done. Everything was made offline; texts and images say "offline sample", and nothing was paid to anybody.
Where to look:
  reports/index.html               credits, cost and margin, with charts
  published/alpine-trails/         a Hugo site: articles in content/posts, images beside them
  reports/plan.txt                 what the first apply was going to do
Look around further:
  export IGNY8_DB=$IGNY8_DB IGNY8_MEDIA=$IGNY8_MEDIA
  $igny8 content list              $igny8 calendar              $igny8 report --by model
END
