#!/bin/sh
# Make deploy/secrets/ with what compose.yaml mounts; a file that is there already is kept.
# Edit smtp_url for a real mail server: smtp://user:password@host:587
set -eu
umask 077
mkdir -p "$(dirname "$0")/secrets"
cd "$(dirname "$0")/secrets"

[ -s jwt_secret ] || od -An -N48 -tx1 /dev/urandom | tr -d ' \n' >jwt_secret
[ -s smtp_url ] || printf 'smtp://mailpit:1025' >smtp_url
# The containers' user is another one than yours; the directory keeps everyone else out.
chmod 0444 jwt_secret smtp_url
