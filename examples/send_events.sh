#!/usr/bin/env bash
# The same as send_events.py with kcat (Debian: apt-get install kcat). Prints the id of the interaction.
#
#     examples/send_events.sh 127.0.0.1:9092 touchpoint
#
# `topic.partitioner=murmur2_random`: kcat's own default puts a key on another partition than a Java client does, and
# such records are rejected as `misplaced`. The other way round: TOUCHPOINT_PARTITIONER=crc32 for all producers.
set -euo pipefail

[ $# = 2 ] || { echo "usage: $0 BROKERS TOPIC_PREFIX" >&2; exit 1; }
brokers=$1 prefix=$2
source=/examples/send_events.sh
kcat=$(command -v kcat || command -v kafkacat) || { echo "kcat is not installed" >&2; exit 1; }
interaction=042-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
now=$(($(date +%s) * 1000))
minute=60000

send() { # topic, key, type, id, data: one CloudEvent in binary mode, acknowledged by Kafka
    printf '%s' "$5" | "$kcat" -q -P -b "$brokers" -t "$prefix.$1" -k "$2" -c 1 \
        -X topic.partitioner=murmur2_random -X acks=all -X message.timeout.ms=30000 \
        -H ce_specversion=1.0 -H "ce_type=$3" -H "ce_source=$source" -H "ce_id=$4" -H content-type=application/json
}

happened() { # time, type, more fields of the event as JSON
    send events "$interaction" "touchpoint.branch.$2.v1" "$interaction/$2" \
        "{\"interaction\":\"$interaction\",\"touch_point\":\"branch/042/teller\",\"time\":$1${3:+,$3}}"
}

# Sent before the events that it matters to: a condition counts from the moment at which Kafka has it.
send conditions branch/042/line_length touchpoint.condition.v1 "branch/042/line_length/$((now - 12 * minute))" \
    '{"subject":"branch/042","kind":"line_length","value":9,"time":'$((now - 12 * minute))',"valid_for":900}'

happened $((now - 10 * minute)) arrived '"ticket":"A117","service":"cash","customer":"c-1029"'
happened $((now - 7 * minute / 2)) called '"counter":"3"'
happened $((now - 3 * minute)) served '"counter":"3","staff":"s-17"'
send events "$interaction" touchpoint.operation.v1 "$interaction/post_withdrawal" \
    '{"interaction":"'"$interaction"'","system":"core_banking","operation":"post_withdrawal","time":'$((now - 2 * minute))',"seconds":4.5,"status":"ok"}'
happened "$now" ended '"outcome":"completed","by":"staff"'
echo "$interaction"
