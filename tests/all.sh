#!/bin/sh
# Runs every test, in two lines side by side: those that start the real processes wait most of their time, so do the
# stories, and the rest keeps a core busy. The last lines list everything that failed. $1: the Python to run them with.
set -u
python=$1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
(
  "$python" -m pytest tests/stories
  stories=$?
  "$python" -m pytest --ignore=tests/stories -m "not process and not browser" && [ "$stories" -eq 0 ]
) >"$logs/beside" 2>&1 &
line=$!
trap 'kill "$line" 2>/dev/null; exit 130' INT TERM
{
  "$python" -m pytest --ignore=tests/stories -m "process or browser" 2>&1
  echo $? >"$logs/status"
} | tee "$logs/processes"
wait "$line"
others=$?
echo "the stories and all others, which ran beside them:"
cat "$logs/beside"
processes=$(cat "$logs/status")
echo
if [ "$processes" -eq 0 ] && [ "$others" -eq 0 ]; then
  echo "All tests passed: $(grep -hE '^[0-9]+ passed' "$logs/processes" "$logs/beside" | tr '\n' ';')"
  exit 0
fi
echo "Failed (the reasons stand above, under the same names):"
grep -hE '^(FAILED|ERROR) ' "$logs/processes" "$logs/beside" | cut -c1-200
grep -hE '^[0-9]+ (failed|passed|error)' "$logs/processes" "$logs/beside"
exit 1
