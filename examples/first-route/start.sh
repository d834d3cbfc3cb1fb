#!/bin/sh
# npm start: the gateway with ./gatewright.yaml, and the demo upstream that its routes lead to.
# npm start -- -c FILE: the gateway alone, with that file.
#
# The gateway takes the place of this shell, so signals reach it and its exit code is the one that is seen. It inherits
# the writing end of a pipe (descriptor 3) that the demo upstream reads from: however the gateway ends, the pipe closes
# then, and the upstream with it.
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
[ "$#" -eq 0 ] || exec "$home/bin/gatewright" run "$@"

node=$home/node_modules/node/bin/node
if [ ! -x "$node" ]; then
  node=node
  case $(node --version 2> /dev/null) in
    v2[4-9].* | v[3-9][0-9].*) ;;
    # Says what is missing.
    *) exec "$home/bin/gatewright" run ;;
  esac
fi

pipes=$(mktemp -d)
trap 'rm -rf "$pipes"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkfifo "$pipes/life" "$pipes/ready"
"$node" "$home/examples/first-route/upstream.ts" < "$pipes/life" > "$pipes/ready" &
exec 3> "$pipes/life"
# Nothing is said where it could not listen; its own message is on standard error by then.
read -r line < "$pipes/ready" || exit 1
echo "$line"

# exec runs no EXIT trap, and gives the signals back their own meaning.
rm -rf "$pipes"
exec "$home/bin/gatewright" run
