#!/bin/sh
# Runs every test. The stories wait most of their time, so they run beside the others. $1: the Python to run them with.
set -u
stories=$(mktemp)
trap 'rm -f "$stories"' EXIT
"$1" -m pytest tests/stories >"$stories" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null; exit 130' INT TERM
"$1" -m pytest --ignore=tests/stories
rest=$?
wait "$beside"
told=$?
echo "the stories, which ran beside them:"
cat "$stories"
[ "$rest" -eq 0 ] && [ "$told" -eq 0 ]
