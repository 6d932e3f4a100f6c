#!/bin/sh
# Temporal's two databases, at the newest schema; what is there already stays.
set -eu

schemas=/etc/temporal/schema/postgresql/v12
for name in temporal temporal_visibility; do
  case $name in
    temporal) versions=$schemas/temporal/versioned ;;
    *) versions=$schemas/visibility/versioned ;;
  esac
  tool="temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db $name"
  $tool create
  $tool setup-schema --version 0.0 || echo "$name has a schema already"
  $tool update-schema --schema-dir "$versions"
done
