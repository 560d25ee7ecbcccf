#!/bin/sh
# Starts a program with the secrets that Docker mounts as files; where there are none, as it is.
set -eu

folder="${SECRETS_FOLDER:-/run/secrets}"

secret() {
    if ! cat "$folder/$1" 2>/dev/null; then
        echo "The secret $1 cannot be read by user $(id -u) of the container; let its file belong to that user." >&2
        exit 1
    fi
}

if [ -e "$folder/prefect-login" ]; then
    PREFECT_API_AUTH_STRING="$(secret prefect-login)"
    PREFECT_SERVER_API_AUTH_STRING="$PREFECT_API_AUTH_STRING"
    export PREFECT_API_AUTH_STRING PREFECT_SERVER_API_AUTH_STRING
fi
if [ -e "$folder/prefect-database-password" ]; then
    password="$(secret prefect-database-password)"
    export PREFECT_API_DATABASE_CONNECTION_URL="postgresql+asyncpg://prefect:$password@prefect-database/prefect"
fi
exec "$@"
