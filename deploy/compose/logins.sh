#!/bin/sh
# The logins of the database: the schema's owner, the application (which may not change the ledger), and Temporal.
set -eu

psql --set ON_ERROR_STOP=1 --username postgres \
  --set owner="$HOLDFAST_OWNER_PASSWORD" \
  --set app="$HOLDFAST_DATABASE_PASSWORD" \
  --set temporal="$TEMPORAL_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE holdfast_app NOLOGIN;
CREATE ROLE holdfast_owner LOGIN PASSWORD :'owner';
CREATE ROLE holdfast LOGIN PASSWORD :'app' IN ROLE holdfast_app;
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal';
CREATE DATABASE holdfast OWNER holdfast_owner;
SQL
