#!/bin/sh
# backup.sh DOSSIER : la base de DATABASE_URL, dans un fichier daté ; les fichiers de plus de KEEP_DAYS jours sont effacés.
# Les clés (SECRET_KEYS) ne sont pas dedans : gardez-les ailleurs, sans elles le fichier ne se relit pas.
set -eu
folder=${1:?un dossier est attendu : backup.sh /var/backups/coup-de-pouce}
: "${DATABASE_URL:?DATABASE_URL manque}"
case $DATABASE_URL in postgres*) ;; *) echo "DATABASE_URL n'est pas une base PostgreSQL." >&2; exit 1 ;; esac
umask 077
mkdir -p "$folder"
file="$folder/coup-de-pouce-$(date -u +%Y-%m-%dT%H%M%SZ).dump"
trap 'rm -f "$file.part"' EXIT
pg_dump --format=custom --no-owner --no-privileges --file="$file.part" --dbname="$DATABASE_URL"
pg_restore --list "$file.part" >/dev/null # se relit jusqu'au bout
mv "$file.part" "$file"
find "$folder" -name 'coup-de-pouce-*.dump' -type f -mtime "+${KEEP_DAYS:-14}" -delete
echo "$file"
