#!/bin/bash
# A dump is restored by the words of docs/OPERATIONS.md: as an owner who is nobody
# else, into another database. What it must have is the privileges, or that
# --migrate brings them. Needs what tests/run.sh exports.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/checks.sh

owner=t_keeper_$$
work=$(mktemp -d "$TEST_TMP/restore.XXXXXX")
root_sql() { psql -Xq -v ON_ERROR_STOP=1 "$TEST_DATABASE_URL" "$@"; }
url_of() { echo "postgresql://$owner:secret@${TEST_DATABASE_URL##*@}" | sed "s|/[^/]*\$|/$1|"; }
ask() { psql -XqAt "$(url_of "$1")" -c "$2"; }
migrate() { DATABASE_URL=$(url_of "$1") VAR=$work/var "$BIN" --migrate; }
# The line of the document that begins so, with the owner's URL of this test.
documented() { # COMMAND
  (cd "$work" && bash -euc "$(grep -m 1 -E "^ +$1 " "$top/docs/OPERATIONS.md")")
}
finish() {
  local name
  for name in old new; do
    root_sql -c "drop database if exists t_${name}_$$ with (force)"
  done
  root_sql -c "drop role if exists $owner"
}
trap finish EXIT
top=$PWD

# As the document makes them; the roles are there, of the whole cluster.
root_sql -c "create role $owner login password 'secret'" \
  -c "grant voicegate_server, voicegate_operator to $owner" || exit 1
for name in old new; do
  root_sql -c "create database t_${name}_$$ owner $owner encoding 'UTF8' template template0" || exit 1
done
check migrates migrate "t_old_$$"
ask "t_old_$$" "select voicegate.create_api_key('kept')" >/dev/null

url_of "t_old_$$" >"$work/owner.url"
check dumps documented pg_dump
url_of "t_new_$$" >"$work/owner.url"
check restores documented pg_restore
privileges="select has_schema_privilege('voicegate_server', 'voicegate', 'usage')
  and has_table_privilege('voicegate_operator', 'voicegate.active_session', 'select')
  and not has_function_privilege('public', 'voicegate.grant_roles()', 'execute')"
none restored_has_its_rows "$(ask "t_new_$$" "select count(*) from voicegate.api_key" | grep -vx 1)"
none restored_has_its_privileges "$(ask "t_new_$$" "$privileges" | grep -vx t)"
none restored_needs_no_migration "$(migrate "t_new_$$" 2>&1)"

# What a restore without the roles leaves of them.
ask "t_new_$$" 'revoke all on schema voicegate from voicegate_server, voicegate_operator;
  grant execute on all functions in schema voicegate to public'
none lost_privileges_come_back "$(migrate "t_new_$$" 2>&1)$(ask "t_new_$$" "$privileges" | grep -vx t)"

exit "$failed"
