-- A rail of another package brings a witness of its own: the name is a word, no longer one of a list.

ALTER TABLE evidence DROP CONSTRAINT evidence_source_known;
ALTER TABLE evidence ADD CONSTRAINT evidence_source_named CHECK (source ~ '^[a-z][a-z0-9_]{0,31}$');
