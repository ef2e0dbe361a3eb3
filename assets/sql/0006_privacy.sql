-- Kept free for the migration of this number.
SELECT;
