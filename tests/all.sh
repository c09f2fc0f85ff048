#!/bin/sh
# Runs every test, in three lines side by side: the scenarios and the tests that start the real processes wait most of
# their time, and the rest keeps a core busy. The last lines list everything that failed. $1: the Python to run them with.
set -u
python=$1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

run() { # $1: the line's name; the rest: what pytest is given
  name=$1
  shift
  "$python" -m pytest "$@" >"$logs/$name" 2>&1
  echo $? >"$logs/$name.status"
}

run scenarios tests/e2e/scenarios -n 12 --dist worksteal &
scenarios=$!
run others --ignore=tests/e2e/scenarios -m "not process and not browser" &
others=$!
trap 'kill "$scenarios" "$others" 2>/dev/null; exit 130' INT TERM
{
  "$python" -m pytest --ignore=tests/e2e/scenarios -m "process or browser" 2>&1
  echo $? >"$logs/processes.status"
} | tee "$logs/processes"
wait "$scenarios" "$others"
for name in scenarios others; do
  echo "$name, which ran beside them:"
  cat "$logs/$name"
done
echo
if [ "$(cat "$logs"/*.status | tr -d '\n')" = 000 ]; then
  echo "All tests passed: $(grep -hE '^[0-9]+ passed' "$logs/processes" "$logs/scenarios" "$logs/others" | tr '\n' ';')"
  exit 0
fi
echo "Failed (the reasons stand above, under the same names):"
grep -hE '^(FAILED|ERROR) ' "$logs/processes" "$logs/scenarios" "$logs/others" | cut -c1-200
grep -hE '^[0-9]+ (failed|passed|error)' "$logs/processes" "$logs/scenarios" "$logs/others"
exit 1
