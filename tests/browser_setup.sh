#!/bin/sh
# Finds a Chromium for the browser tests, installs Debian's when it can, says what is missing when it cannot.
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing chromium for the browser tests"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1 && exit 0
fi
echo "no chromium found and it could not be installed: the browser tests will be skipped (Debian: apt-get install chromium)" >&2
exit 0
