#!/bin/sh
# restore.sh FICHIER : remet une sauvegarde dans la base de DATABASE_URL, qui doit être vide. Tout, ou rien.
set -eu
file=${1:?un fichier est attendu : restore.sh /var/backups/coup-de-pouce/….dump}
: "${DATABASE_URL:?DATABASE_URL manque}"
tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$DATABASE_URL" \
  --command="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [ "$tables" -ne 0 ]; then
  echo "Cette base n'est pas vide ($tables tables) : créez-en une autre, et mettez son nom dans DATABASE_URL." >&2
  exit 1
fi
pg_restore --no-owner --no-privileges --single-transaction --exit-on-error --dbname="$DATABASE_URL" "$file"
psql --no-psqlrc --quiet --dbname="$DATABASE_URL" --command=ANALYZE
echo "Restauré. Lancez ./run rekey --check : il dit si SECRET_KEYS ouvre bien cette base."
