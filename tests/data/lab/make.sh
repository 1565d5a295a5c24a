#!/bin/sh
# Makes the data beside it anew from a lab in the folder $1, which has just started: README.md says how, and what is in them.
set -eu
lab=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
root=$here/../../..
field() { sed -n "s/^  \"$1\": \([0-9]*\),\$/\1/p" "$lab/lab.json"; }
corral() { ${CORRAL:-$root/dev run} "$@"; }

corral login --lab "$lab"
corral tag add --name prod --description "keeps customers waiting when it is down"
corral tag add --name web --parent-name prod

corral vm add --name web1 --cluster Default --template tiny --placement-policy-hosts real --description "serves pages"
corral diskattachment add --vm web1 --interface virtio-scsi --disk-name pages --disk-format cow \
    --disk-provisioned-size 1GiB --disk-storage-domain local
corral tag add --vm web1 --name web
corral tag add --host real-2 --name prod
corral vm add --name diskless --cluster Default --memory 64MiB --placement-policy-hosts real-2
corral nic add --vm diskless --name nic1 --vnic-profile-name ovirtmgmt
corral vm add --name simulated --cluster Default --memory 2GiB --placement-policy-hosts sim-0001
corral vm add --name spare --cluster Default --template tiny
corral vm add --name idle --cluster Default --template tiny
corral disk add --name floating --format raw --provisioned-size 16MiB --storage-domain local
for vm in web1 diskless simulated; do corral vm start "$vm"; done
corral vm update web1 --memory 320MiB
corral event add --origin backup --custom-id 7 --severity warning --description "The backup of web1 is late." --vm-name web1

# Nothing runs in it that could answer: the shutdown waits until it is cancelled.
corral vm shutdown diskless --no-wait
corral job cancel "$(corral job list --query 'status = started' --output name)"

# The node gets a step and does it, but the engine has stopped when the outcome comes.
kill -STOP "$(field node_pid)"
corral vm start spare --no-wait
sleep 1
kill -STOP "$(field engine_pid)"
trap 'kill -CONT "$(field engine_pid)"' EXIT
kill -CONT "$(field node_pid)"
sleep 3

# Samples are many and the lease is over by the time that anybody reads this. Commands of psql and settings of the
# session that reads are left out: the test is another client.
"$(dirname "$(readlink "/proc/$(field postgres_pid)/exe")")/pg_dump" --no-owner --no-privileges --inserts \
    --exclude-table-data=lease --exclude-table-data=samples --file="$here/engine.sql" \
    "postgresql://corral@/corral?host=$lab/engine/postgres/socket"
sed -i -e '/^\\/d' -e '/^SET /d' -e '/^SELECT pg_catalog.set_config/d' -e '/^--/d' -e '/^$/d' "$here/engine.sql"
gzip -9nf "$here/engine.sql"
cp "$lab/node/step_log" "$lab/node/host.pem" "$lab/node/ca.pem" "$here"
chmod 644 "$here"/*
chmod 755 "$0"
