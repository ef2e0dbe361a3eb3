-- A row that somebody holds in an open transaction costs those who need that row,
-- and no other statement of the same connection: each turn waited for its session
-- as long as its answer might take, 1.4 s, with everybody's statements behind it.
-- Now a moment is waited for, which another turn of the same session needs, and
-- the server asks again after a pause, for as long as the request may last.

ALTER FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text, interval,
    uuid, text, interval, text[], text, integer) SET lock_timeout = 20;
ALTER FUNCTION voicegate.claim_turn(uuid, text, bytea, uuid, interval)
    SET lock_timeout = 20;
