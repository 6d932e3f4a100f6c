#!/bin/sh
# The namespace, and the search attributes of workflows/names.py; what is there already stays.
set -eu

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d

for pair in OrderStatus:Keyword PaymentStatus:Keyword PaymentMethod:Keyword Currency:Keyword CustomerRef:Keyword \
  AmountMinor:Int NeedsAttention:Bool; do
  temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" | grep -q "${pair%%:*}" ||
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "${pair%%:*}" --type "${pair##*:}"
done
