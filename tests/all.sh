#!/bin/sh
# Runs every test, in two lines side by side: those that start the real processes wait most of their time, so do the
# stories, and the rest keeps a core busy. $1: the Python to run them with.
set -u
python=$1
beside=$(mktemp)
trap 'rm -f "$beside"' EXIT
(
  "$python" -m pytest tests/stories
  stories=$?
  "$python" -m pytest --ignore=tests/stories -m "not process and not browser" && [ "$stories" -eq 0 ]
) >"$beside" 2>&1 &
line=$!
trap 'kill "$line" 2>/dev/null; exit 130' INT TERM
"$python" -m pytest --ignore=tests/stories -m "process or browser"
processes=$?
wait "$line"
others=$?
echo "the stories and all others, which ran beside them:"
cat "$beside"
[ "$processes" -eq 0 ] && [ "$others" -eq 0 ]
